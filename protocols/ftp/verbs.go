package ftp

import "strings"

// The verbs this gateway may meet, by the document that defines them.
const (
	// RFC 959
	USER = "USER"
	PASS = "PASS"
	ACCT = "ACCT"
	CWD  = "CWD"
	CDUP = "CDUP"
	SMNT = "SMNT"
	REIN = "REIN"
	QUIT = "QUIT"
	PORT = "PORT"
	PASV = "PASV"
	TYPE = "TYPE"
	STRU = "STRU"
	MODE = "MODE"
	RETR = "RETR"
	STOR = "STOR"
	STOU = "STOU"
	APPE = "APPE"
	ALLO = "ALLO"
	REST = "REST"
	RNFR = "RNFR"
	RNTO = "RNTO"
	ABOR = "ABOR"
	DELE = "DELE"
	RMD  = "RMD"
	MKD  = "MKD"
	PWD  = "PWD"
	LIST = "LIST"
	NLST = "NLST"
	SITE = "SITE"
	SYST = "SYST"
	STAT = "STAT"
	HELP = "HELP"
	NOOP = "NOOP"

	// RFC 775, RFC 1123 §4.1.3.1
	XCWD = "XCWD"
	XCUP = "XCUP"
	XMKD = "XMKD"
	XPWD = "XPWD"
	XRMD = "XRMD"

	// RFC 1639
	LPRT = "LPRT"
	LPSV = "LPSV"

	// RFC 2228
	AUTH = "AUTH"
	ADAT = "ADAT"
	PROT = "PROT"
	PBSZ = "PBSZ"
	CCC  = "CCC"
	MIC  = "MIC"
	CONF = "CONF"
	ENC  = "ENC"

	// RFC 2389, RFC 2428, RFC 2640
	FEAT = "FEAT"
	OPTS = "OPTS"
	EPRT = "EPRT"
	EPSV = "EPSV"
	LANG = "LANG"

	// RFC 3659, RFC 7151
	MDTM = "MDTM"
	SIZE = "SIZE"
	MLST = "MLST"
	MLSD = "MLSD"
	HOST = "HOST"

	// Drafts and customs of common clients and servers
	CLNT = "CLNT"
	CSID = "CSID"
	MFMT = "MFMT"
	MFCT = "MFCT"
	MFF  = "MFF"
	RANG = "RANG"
	HASH = "HASH"
	AVBL = "AVBL"
	COMB = "COMB"
	DSIZ = "DSIZ"
	SSCN = "SSCN"
	CPSV = "CPSV"
	ESTA = "ESTA"
	ESTP = "ESTP"
	SPSV = "SPSV"
	THMB = "THMB"
	XCRC = "XCRC"
	XMD5 = "XMD5"
	XSHA = "XSHA"
	MD5  = "MD5"
	MMD5 = "MMD5"

	XSHA1   = "XSHA1"
	XSHA256 = "XSHA256"
	XSHA512 = "XSHA512"
)

// verbs interns the known ones, so that decoding them takes no memory. It is
// never written after the package is loaded.
var verbs = intern(
	USER, PASS, ACCT, CWD, CDUP, SMNT, REIN, QUIT, PORT, PASV, TYPE, STRU, MODE,
	RETR, STOR, STOU, APPE, ALLO, REST, RNFR, RNTO, ABOR, DELE, RMD, MKD, PWD,
	LIST, NLST, SITE, SYST, STAT, HELP, NOOP,
	XCWD, XCUP, XMKD, XPWD, XRMD, LPRT, LPSV,
	AUTH, ADAT, PROT, PBSZ, CCC, MIC, CONF, ENC,
	FEAT, OPTS, EPRT, EPSV, LANG, MDTM, SIZE, MLST, MLSD, HOST,
	CLNT, CSID, MFMT, MFCT, MFF, RANG, HASH, AVBL, COMB, DSIZ, SSCN, CPSV,
	ESTA, ESTP, SPSV, THMB, XCRC, XMD5, XSHA, MD5, MMD5, XSHA1, XSHA256, XSHA512,
)

func intern(names ...string) map[string]string {
	m := make(map[string]string, len(names))
	for _, n := range names {
		m[n] = n
	}
	return m
}

// Known reports whether verb (upper case) is one of the table above.
func Known(verb string) bool { _, ok := verbs[verb]; return ok }

// Canonical names the verb that decides what a command means: the old X forms
// (RFC 775) stand for their successors, every other verb for itself. It is for
// classifying only; on the wire a command keeps the verb it came with.
func Canonical(verb string) string {
	switch verb {
	case XCWD:
		return CWD
	case XCUP:
		return CDUP
	case XMKD:
		return MKD
	case XPWD:
		return PWD
	case XRMD:
		return RMD
	}
	return verb
}

// Foreign reports whether verb, of a command or of a LineError, shows that the
// peer speaks HTTP, SMTP or SSH. Such a peer may be a browser made to send
// FTP commands inside a request of its own, so its connection should be closed
// at the first such line rather than answered. PROXY is the header of a load
// balancer that is not one of ours, or of somebody who plays one.
func Foreign(verb string) bool {
	switch verb {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT",
		"TRACE", "PRI", "PROPFIND", "EHLO", "HELO", "PROXY":
		return true
	}
	return strings.HasPrefix(verb, "SSH-")
}

// readVerb upper-cases and interns the verb. Only ASCII letters, digits, "-"
// and "_" are accepted, the first a letter: every verb in use fits, and what
// does not cannot be relayed or logged by accident.
func readVerb(raw []byte) (string, bool) {
	var up [MaxVerb]byte
	if len(raw) == 0 || len(raw) > MaxVerb {
		return "", false
	}
	for i, c := range raw {
		switch {
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case 'A' <= c && c <= 'Z':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '_'):
		default:
			return "", false
		}
		up[i] = c
	}
	if v, ok := verbs[string(up[:len(raw)])]; ok {
		return v, true
	}
	return string(up[:len(raw)]), true
}
