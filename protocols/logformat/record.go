package logformat

import (
	"net/netip"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Record is all that can be said of one command of a client, or of the begin or end of its session. Zero
// values are missing ones.
type Record struct {
	At      Moment
	Command ftp.Command
	Reply   ftp.Reply // the final one; code 0: there was none
	Millis  int64     // from the command to its final reply, or to the session's end
	Of      Classes   // of what is no command (Connect, Exit); 0: those of the verb

	Session    uint64
	Server     string // ServerName
	Host       string // this machine's name
	PID        int
	Version    string // of this program
	Protocol   string // "ftp" or "ftps"
	Client     netip.AddrPort
	ClientName string // DNS name of the client; empty: the address stands for it
	Local      netip.AddrPort
	Class      string // <Class> of the client
	User       string // of who is logged in
	UserSent   string // as the client wrote it in USER, logged in or not
	Group      string // primary group
	Groups     string // all groups, separated by commas
	UID, GID   string
	TLSVersion string
	TLSCipher  string
	Vars       map[string]string // TLS_… and others for %{NAME}e

	RenameFrom string // the file that RNTO gives another name
	Transfer   Transfer
	RawIn      int64  // bytes that the client sent in its session
	RawOut     int64  // bytes that were sent to it
	Reason     string // why the session ends

	Backend    netip.AddrPort // zero: none is connected
	BackendURL string         // as configured, without a password
}

// Status is how a transfer ended.
type Status uint8

// The ends of a transfer.
const (
	NoTransfer Status = iota
	Success
	Failed
	Cancelled
	TimedOut
)

func (s Status) String() string {
	return [...]string{"", "success", "failed", "cancelled", "timeout"}[min(s, TimedOut)]
}

// Transfer is what a command moved over its data connection.
type Transfer struct {
	Status   Status
	Failure  string // why it did not succeed
	Bytes    int64
	Millis   int64
	ASCII    bool
	Port     uint16 // of the client's data connection, on the side that listened
	FileSize int64  // of the whole file afterwards
	SizeOK   bool   // FileSize is known
}

// Moment is a point in time in local terms.
type Moment struct {
	Unix    int64 // seconds since 1970
	Nanos   int
	Year    int
	Month   int // 1 to 12
	Day     int
	Hour    int
	Minute  int
	Second  int
	Weekday int    // 0 is Sunday
	YearDay int    // from 1
	Offset  int    // seconds east of UTC
	Zone    string // its abbreviation
}

// path is the file that a command is about, as the client named it.
func (r *Record) path() string {
	switch ftp.Canonical(r.Command.Verb) {
	case ftp.RETR, ftp.STOR, ftp.STOU, ftp.APPE, ftp.DELE, ftp.RNFR, ftp.RNTO, ftp.SIZE, ftp.MDTM, ftp.MLST:
		return r.Command.Arg
	}
	return ""
}

// dir is the directory that a command is about, as the client named it.
func (r *Record) dir() string {
	switch ftp.Canonical(r.Command.Verb) {
	case ftp.CDUP:
		return ".."
	case ftp.CWD, ftp.MKD, ftp.RMD, ftp.MLSD:
		return r.Command.Arg
	case ftp.LIST, ftp.NLST:
		return withoutOptions(r.Command.Arg)
	}
	return ""
}

// withoutOptions drops what clients put before the name as for ls(1).
func withoutOptions(arg string) string {
	for len(arg) > 1 && arg[0] == '-' {
		i := 0
		for i < len(arg) && arg[i] != ' ' {
			i++
		}
		for i < len(arg) && arg[i] == ' ' {
			i++
		}
		arg = arg[i:]
	}
	return arg
}

// base is the last element of a path; backslashes are left alone, as they may be part of a name.
func base(path string) string {
	for len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' && len(path) > 1 {
			return path[i+1:]
		}
	}
	return path
}
