package ftp

import (
	"net/netip"
	"strings"
	"testing"
)

// The texts stand here a second time on purpose: clients match on them.
func TestReplyTexts(t *testing.T) {
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	passive, err := EnteringPassive(netip.AddrPortFrom(v4, 1025))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		got  Reply
		want string
	}{
		{CommandOK(PORT), "200 PORT command successful"},
		{ProtectionBufferSet(), "200 PBSZ 0 successful"},
		{ProtectionSet(true), "200 Protection set to Private"},
		{ProtectionSet(false), "200 Protection set to Clear"},
		{ProtectionCleared(), "200 Clearing control channel protection"},
		{Accepted(), "200 OK"},
		{SystemType(), "215 UNIX Type: L8"},
		{Banner("a", "b"), "220-a\r\n220 b"},
		{IdentBanner("Name", v4), "220 ProFTPD Server (Name) [192.0.2.1]"},
		{AnonymousBanner(v6), "220 2001:db8::1 FTP server ready"},
		{HostSelected(), "220 HOST command successful"},
		{Goodbye(), "221 Goodbye."},
		{passive, "227 Entering Passive Mode (192,0,2,1,4,1)."},
		{EnteringExtendedPassive(1025), "229 Entering Extended Passive Mode (|||1025|)"},
		{LoggedIn("u"), "230 User u logged in"},
		{AuthAccepted("tls"), "234 AUTH TLS successful"},
		{PasswordRequired(`DOM\ü`), `331 Password required for DOM\ü`},
		{IdleTimeout(600), "421 Idle timeout (600 seconds): closing control connection"},
		{LoginTimeout(300), "421 Login timeout (300 seconds): closing control connection"},
		{NoTransferTimeout(300), "421 No transfer timeout (300 seconds): closing control connection"},
		{SessionTimeout(30), "421 Session Timeout (30 seconds): closing control connection"},
		{HandshakeFailed(), "421 TLS handshake failed"},
		{Closing("Backend lost"), "421 Backend lost, closing control connection"},
		{DataFailed(RETR, "Connection refused"), "425 RETR: Connection refused"},
		{NoDataConnection(), "425 Unable to build data connection: Internal error"},
		{TransferAborted(), "426 Transfer aborted. Data connection closed"},
		{Failed(500, ABOR, "Invalid argument"), "500 ABOR: Invalid argument"},
		{NotUnderstood("XYZZY"), "500 XYZZY not understood"},
		{InvalidCommand(), "500 Invalid command: try being more creative"},
		{IllegalAddress(EPRT), "500 Illegal EPRT command"},
		{MalformedAddress(PORT), "501 Illegal PORT command"},
		{NoServer(v4), "500 Sorry, no server available to handle request on 192.0.2.1"},
		{NoPassiveIPv6(), "501 PASV: Operation not permitted"},
		{HostInvalid("a b"), "501 a b: Invalid hostname provided"},
		{BadSequence(), "503 Bad sequence of commands"},
		{NeedsTLS(PBSZ), "503 PBSZ not allowed on insecure control connection"},
		{ProtectionOrder(), "503 You must issue the PBSZ command prior to PROT"},
		{AlreadySecure(), "503 Unwilling to accept second AUTH"},
		{AuthMissing(), "504 AUTH requires at least one argument"},
		{MethodUnknown("ON"), "504 SSCN ON unsupported"},
		{ProtectionUnsupported("P"), "536 PROT P unsupported"},
		{ProtectionDiffers(), "521 Data connection cannot be opened with this PROT setting"},
		{ServerMethod(), "200 SSCN:SERVER METHOD"},
		{NothingToClear(), "533 CCC not allowed on insecure control connection"},
		{DataInsecure(), "425 Unable to build data connection: Operation not permitted"},
		{HostUnknown("h"), "504 h: Unknown hostname provided"},
		{AuthUnknown("GSSAPI"), "504 AUTH GSSAPI unsupported"},
		{ProtectionUnknown("e"), "536 PROT e unsupported"},
		{ProtectionUnknown("X"), "504 PROT X unsupported"},
		{FamilyUnknown(true), "522 Network protocol not supported, use (1,2)"},
		{FamilyUnknown(false), "522 Network protocol not supported, use (1)"},
		{DataNeedsTLS(), "522 SSL/TLS required on the data channel"},
		{LoginIncorrect(), "530 Login incorrect."},
		{AccessDenied(), "530 Access denied"},
		{PleaseLogin(), "530 Please login with USER and PASS"},
		{LoginRefused("Sorry"), "530 Sorry"},
		{UnableToConnect("h:21", "Connection refused"), "530 Unable to connect to h:21: Connection refused"},
		{UnwillingToProtect(), "534 Unwilling to accept security parameters"},
		{NotPermitted(DELE), "550 DELE: Operation not permitted"},
		{NotPermitted(REST), "501 REST: Operation not permitted"},
		{OperationNotPermitted(PASV), "500 PASV: Operation not permitted"},
		{ControlNeedsTLS(), "550 SSL/TLS required on the control channel"},
		{ForbiddenArgument("a"), "550 a: Forbidden command argument"},
		{ForbiddenFilename("a"), "550 a: Forbidden filename"},
		{LoggedInAlready(), "503 You are already logged in"},
	} {
		if got := string(tc.got.Append(nil)); got != tc.want+"\r\n" {
			t.Errorf("reply is %q, want %q", got, tc.want)
		}
	}
	if _, err := EnteringPassive(netip.AddrPortFrom(v6, 1025)); err == nil {
		t.Error("PASV answers with an IPv6 address")
	}
}

func TestRepliesEchoSafely(t *testing.T) {
	evil := "a\r\n230 User root logged in\x00\x1b" + strings.Repeat("x", MaxReplyLine)
	for _, r := range []Reply{NotUnderstood(evil), LoggedIn(evil), UnableToConnect(evil, evil), HostUnknown(evil), Failed(500, evil, evil)} {
		var d ReplyDecoder
		d.Feed(r.Append(nil))
		got, ok, err := d.Next()
		if !ok || err != nil || d.Buffered() != 0 || got.Code != r.Code || len(got.Lines()) != 1 {
			t.Errorf("%v comes back as %v, %v, %v", r, got, ok, err)
		}
		if strings.ContainsAny(got.Text, "\r\x00\x1b") || len(got.Text) > 4*maxLogged {
			t.Errorf("echoed %q", got.Text)
		}
	}
}
