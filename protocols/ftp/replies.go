package ftp

import (
	"net/netip"
	"strconv"
	"strings"
)

// Every reply the gateway gives in its own name, in the order of the codes.
// Clients and scripts match on these texts, so a change here is a change of
// behaviour. What a backend says is passed on and not listed.
//
// Names taken from the client (verbs, hosts, users) are shortened and freed of
// control bytes before they are sent back.

// CommandOK answers PORT and EPRT.
func CommandOK(verb string) Reply { return NewReply(200, echo(verb)+" command successful") }

// ProtectionBufferSet answers PBSZ, whose argument TLS does not need.
func ProtectionBufferSet() Reply { return NewReply(200, "PBSZ 0 successful") }

// ProtectionSet answers PROT P (private) and PROT C.
func ProtectionSet(private bool) Reply {
	if private {
		return NewReply(200, "Protection set to Private")
	}
	return NewReply(200, "Protection set to Clear")
}

// ProtectionCleared answers CCC.
func ProtectionCleared() Reply { return NewReply(200, "Clearing control channel protection") }

// ServerMethod answers SSCN: we are the TLS server of data connections.
func ServerMethod() Reply { return NewReply(200, "SSCN:SERVER METHOD") }

// Accepted answers CLNT and the like, which we only take note of.
func Accepted() Reply { return NewReply(200, "OK") }

// SystemType answers SYST before there is a backend to ask.
func SystemType() Reply { return NewReply(215, "UNIX Type: L8") }

// Banner greets with the text of ServerIdent or of a display file.
func Banner(lines ...string) Reply { return NewReply(220, lines...) }

// IdentBanner is the greeting of "ServerIdent on" without a text of its own.
func IdentBanner(serverName string, addr netip.Addr) Reply {
	return NewReply(220, "ProFTPD Server ("+serverName+") ["+addr.Unmap().String()+"]")
}

// AnonymousBanner is the greeting of "ServerIdent off".
func AnonymousBanner(addr netip.Addr) Reply {
	return NewReply(220, addr.Unmap().String()+" FTP server ready")
}

// HostSelected answers HOST when the virtual server stays the same.
func HostSelected() Reply { return NewReply(220, "HOST command successful") }

// Goodbye answers QUIT.
func Goodbye() Reply { return NewReply(221, "Goodbye.") }

// EnteringPassive answers PASV. ErrUnknownFamily: the address is not IPv4.
func EnteringPassive(ap netip.AddrPort) (Reply, error) {
	text, err := FormatPASV(ap)
	if err != nil {
		return Reply{}, err
	}
	return NewReply(227, text), nil
}

// EnteringExtendedPassive answers EPSV.
func EnteringExtendedPassive(port uint16) Reply { return NewReply(229, FormatEPSV(port)) }

// LoggedIn answers PASS at the proxy's own login.
func LoggedIn(user string) Reply { return NewReply(230, "User "+echo(user)+" logged in") }

// AuthAccepted answers AUTH TLS and AUTH SSL; the handshake follows.
func AuthAccepted(mechanism string) Reply {
	return NewReply(234, "AUTH "+echo(strings.ToUpper(mechanism))+" successful")
}

// PasswordRequired answers USER where the proxy checks the password.
func PasswordRequired(user string) Reply {
	return NewReply(331, "Password required for "+echo(user))
}

// IdleTimeout ends a session under TimeoutIdle.
func IdleTimeout(seconds int) Reply { return timeout("Idle timeout", seconds) }

// LoginTimeout ends a session under TimeoutLogin.
func LoginTimeout(seconds int) Reply { return timeout("Login timeout", seconds) }

// NoTransferTimeout ends a session under TimeoutNoTransfer.
func NoTransferTimeout(seconds int) Reply { return timeout("No transfer timeout", seconds) }

// SessionTimeout ends a session under TimeoutSession.
func SessionTimeout(seconds int) Reply { return timeout("Session Timeout", seconds) }

func timeout(what string, seconds int) Reply {
	return NewReply(421, what+" ("+strconv.Itoa(seconds)+" seconds): closing control connection")
}

// HandshakeFailed ends a session whose TLS handshake did not succeed.
func HandshakeFailed() Reply { return NewReply(421, "TLS handshake failed") }

// Closing ends a session for a reason the client may know: a lost backend, a
// gateway going down, a fault of our own.
func Closing(reason string) Reply {
	return NewReply(421, echo(reason)+", closing control connection")
}

// DataFailed reports a data connection that did not come about.
func DataFailed(verb, reason string) Reply { return Failed(425, verb, reason) }

// NoDataConnection reports a transfer that cannot start for a fault of our own.
func NoDataConnection() Reply {
	return NewReply(425, "Unable to build data connection: Internal error")
}

// DataInsecure reports a data connection whose TLS handshake failed, or did not
// resume the control connection's session.
func DataInsecure() Reply {
	return NewReply(425, "Unable to build data connection: Operation not permitted")
}

// TransferAborted reports a transfer that broke off on either side.
func TransferAborted() Reply { return NewReply(426, "Transfer aborted. Data connection closed") }

// TransferTooLarge reports a transfer that went beyond MaxStoreFileSize (upload) or
// MaxRetrieveFileSize.
func TransferTooLarge(upload bool) Reply {
	if upload {
		return NewReply(552, "Transfer aborted. File too large")
	}
	return NewReply(426, "Transfer aborted. Operation not permitted")
}

// Failed reports an error while verb was carried out: "CMD: reason".
func Failed(code int, verb, reason string) Reply {
	return NewReply(code, echo(verb)+": "+echo(reason))
}

// NotUnderstood answers a verb that nobody here knows.
func NotUnderstood(verb string) Reply { return NewReply(500, echo(verb)+" not understood") }

// InvalidCommand answers a line that is no command.
func InvalidCommand() Reply { return NewReply(500, "Invalid command: try being more creative") }

// IllegalAddress answers PORT and EPRT for an address that is not allowed.
func IllegalAddress(verb string) Reply { return illegal(500, verb) }

// MalformedAddress answers PORT and EPRT for an argument that is no address.
func MalformedAddress(verb string) Reply { return illegal(501, verb) }

func illegal(code int, verb string) Reply {
	return NewReply(code, "Illegal "+echo(verb)+" command")
}

// NoServer answers a connection to an address without a virtual server.
func NoServer(addr netip.Addr) Reply {
	return NewReply(500, "Sorry, no server available to handle request on "+addr.Unmap().String())
}

// NoPassiveIPv6 answers PASV on an IPv6 control connection.
func NoPassiveIPv6() Reply { return notPermitted(501, PASV) }

// HostInvalid answers a HOST whose name is no host name.
func HostInvalid(host string) Reply {
	return NewReply(501, echo(host)+": Invalid hostname provided")
}

// BadSequence answers HOST after login or after AUTH without a server name.
func BadSequence() Reply { return NewReply(503, "Bad sequence of commands") }

// LoggedInAlready answers USER of a client that has to stay who it is.
func LoggedInAlready() Reply { return NewReply(503, "You are already logged in") }

// NeedsTLS answers PBSZ and PROT before AUTH TLS.
func NeedsTLS(verb string) Reply {
	return NewReply(503, echo(verb)+" not allowed on insecure control connection")
}

// ProtectionOrder answers PROT before PBSZ (RFC 4217 §9).
func ProtectionOrder() Reply {
	return NewReply(503, "You must issue the PBSZ command prior to PROT")
}

// AlreadySecure answers a second AUTH.
func AlreadySecure() Reply { return NewReply(503, "Unwilling to accept second AUTH") }

// HostUnknown answers a HOST that no virtual server has, or that differs from
// the name of the TLS handshake.
func HostUnknown(host string) Reply {
	return NewReply(504, echo(host)+": Unknown hostname provided")
}

// AuthMissing answers an AUTH without a mechanism.
func AuthMissing() Reply { return NewReply(504, "AUTH requires at least one argument") }

// AuthUnknown answers an AUTH mechanism other than TLS and SSL.
func AuthUnknown(mechanism string) Reply {
	return NewReply(504, "AUTH "+echo(mechanism)+" unsupported")
}

// ProtectionUnknown answers PROT: E and S exist but TLS does not have them
// (536), anything else does not exist (504).
func ProtectionUnknown(level string) Reply {
	code := 504
	if l := strings.ToUpper(level); l == "E" || l == "S" {
		code = 536
	}
	return NewReply(code, "PROT "+echo(level)+" unsupported")
}

// MethodUnknown answers an SSCN that would have us be the TLS client of a data
// connection.
func MethodUnknown(arg string) Reply { return NewReply(504, "SSCN "+echo(arg)+" unsupported") }

// ProtectionUnsupported answers a PROT that exists, where it cannot be had.
func ProtectionUnsupported(level string) Reply {
	return NewReply(536, "PROT "+echo(level)+" unsupported")
}

// ProtectionDiffers answers a transfer between two others whose data connections
// are protected in different ways (RFC 4217).
func ProtectionDiffers() Reply {
	return NewReply(521, "Data connection cannot be opened with this PROT setting")
}

// ModeSet answers MODE.
func ModeSet(mode string) Reply { return NewReply(200, "Mode set to "+echo(mode)) }

// ModeUnsupported answers a MODE that exists but is not spoken here.
func ModeUnsupported(mode string) Reply {
	return NewReply(504, "'MODE "+echo(mode)+"' unsupported transfer mode")
}

// ModeUnknown answers a MODE that does not exist.
func ModeUnknown(mode string) Reply {
	return NewReply(501, "'MODE "+echo(mode)+"' unrecognized transfer mode")
}

// OptionUnknown answers an OPTS of ours that makes no sense (RFC 2389 §4).
func OptionUnknown(option string) Reply {
	return NewReply(501, "OPTS "+echo(option)+" not understood")
}

// FamilyUnknown answers EPRT with a family other than those we have.
func FamilyUnknown(ipv6 bool) Reply {
	families := "(1)"
	if ipv6 {
		families = "(1,2)"
	}
	return NewReply(522, "Network protocol not supported, use "+families)
}

// DataNeedsTLS answers a transfer in the clear under TLSRequired.
func DataNeedsTLS() Reply { return NewReply(522, "SSL/TLS required on the data channel") }

// LoginIncorrect answers every failed login alike, whatever the reason.
func LoginIncorrect() Reply { return NewReply(530, "Login incorrect.") }

// AccessDenied answers transfer commands before there is a backend.
func AccessDenied() Reply { return NewReply(530, "Access denied") }

// PleaseLogin answers commands that need a login.
func PleaseLogin() Reply { return NewReply(530, "Please login with USER and PASS") }

// LoginRefused refuses a login with the administrator's words: MaxClients and
// its relatives, AccessDenyMsg.
func LoginRefused(lines ...string) Reply { return NewReply(530, lines...) }

// UnableToConnect answers a forward login whose destination ("host:port")
// cannot be reached.
func UnableToConnect(destination, reason string) Reply {
	return NewReply(530, "Unable to connect to "+echo(destination)+": "+echo(reason))
}

// NothingToClear answers CCC on a control connection in clear.
func NothingToClear() Reply { return NewReply(533, "CCC not allowed on insecure control connection") }

// UnwillingToProtect answers PROT and CCC that the policy forbids (RFC 2228).
func UnwillingToProtect() Reply { return NewReply(534, "Unwilling to accept security parameters") }

// NotPermitted answers a command that <Limit> forbids: 501 for commands that
// only set a parameter, 550 for all others.
func NotPermitted(verb string) Reply {
	switch verb {
	case ALLO, MODE, REST, STRU, TYPE:
		return notPermitted(501, verb)
	}
	return notPermitted(550, verb)
}

// OperationNotPermitted is the 500 for a step the policy refused, such as a
// backend's data address.
func OperationNotPermitted(verb string) Reply { return notPermitted(500, verb) }

func notPermitted(code int, verb string) Reply { return Failed(code, verb, "Operation not permitted") }

// ControlNeedsTLS answers commands in the clear under TLSRequired.
func ControlNeedsTLS() Reply { return NewReply(550, "SSL/TLS required on the control channel") }

// ForbiddenArgument answers an argument that AllowFilter or DenyFilter stops.
func ForbiddenArgument(arg string) Reply {
	return NewReply(550, echo(arg)+": Forbidden command argument")
}

// ForbiddenFilename answers a path that PathAllowFilter or PathDenyFilter stops.
func ForbiddenFilename(path string) Reply {
	return NewReply(550, echo(path)+": Forbidden filename")
}

// echo makes text from elsewhere fit to be sent back on one line: bounded, and
// without control bytes. Everything else stays, whatever its character set.
func echo(s string) string {
	s = s[:min(len(s), maxLogged)]
	for i := range len(s) {
		if isControl(s[i]) {
			return replaceControls(s)
		}
	}
	return s
}

func replaceControls(s string) string {
	b := []byte(s)
	for i, c := range b {
		if isControl(c) {
			b[i] = '?'
		}
	}
	return string(b)
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }
