package logformat

import (
	"net/netip"
	"strconv"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Append appends the line of a record, without its end.
func (f *Format) Append(b []byte, r *Record) []byte {
	if f.json {
		return appendJSON(b, r)
	}
	for i := range f.pieces {
		b = f.pieces[i].append(b, r)
	}
	return b
}

func (p *piece) append(b []byte, r *Record) []byte {
	switch {
	case p.of == literal:
		return append(b, p.text...)
	case p.of == ofReply:
		return appendReply(b, r, p.quoted)
	case p.of == ofClientName && r.ClientName == "":
		return appendAddr(b, r.Client.Addr())
	case p.of < ofBytes:
		return appendOr(b, r.textOf(p), p.quoted)
	case p.of < ofBackend:
		n, known := r.numberOf(p.of)
		if !known {
			return append(b, '-')
		}
		return strconv.AppendInt(b, n, 10)
	}
	switch p.of {
	case ofBackend:
		return appendAddr(b, r.Backend.Addr())
	case ofClient:
		return appendAddr(b, r.Client.Addr())
	case ofLocal:
		return appendAddr(b, r.Local.Addr())
	case ofTime:
		return appendTime(b, p.text, &r.At)
	case ofISO:
		b = appendTime(b, "%Y-%m-%d %H:%M:%S,", &r.At)
		return pad(b, r.At.Nanos/1e6, 3, '0')
	case ofSubMillis:
		return pad(b, r.At.Nanos/1e6, 3, '0')
	case ofMicros:
		return pad(b, r.At.Nanos/1e3, 6, '0')
	case ofRequest:
		return appendRequest(b, r, p.quoted)
	case ofSeconds, ofSpeed:
		return appendMeasure(b, r, p.of)
	}
	return append(b, '-')
}

// textOf is the value of a variable that is a text; empty if it is missing.
func (r *Record) textOf(p *piece) string {
	t := &r.Transfer
	switch p.of {
	case ofClientName:
		return r.ClientName
	case ofArgs:
		return r.args()
	case ofBase:
		return base(r.path())
	case ofClass:
		return r.Class
	case ofDir:
		return r.dir()
	case ofDirBase:
		return base(r.dir())
	case ofEnv:
		if v, ok := r.Vars[p.text]; ok {
			return v
		}
		return p.fixed
	case ofFile:
		return r.path()
	case ofModified:
		return r.modified()
	case ofStatus:
		return t.Status.String()
	case ofFailure:
		return t.Failure
	case ofType:
		return t.kind()
	}
	return r.whoAndWhere(p.of)
}

// whoAndWhere is the rest of the texts, those that are fields.
func (r *Record) whoAndWhere(of variable) string {
	switch of {
	case ofGroup:
		return r.Group
	case ofGroups:
		return r.Groups
	case ofGID:
		return r.GID
	case ofHost:
		return r.Host
	case ofProtocol:
		return r.Protocol
	case ofReason:
		return r.Reason
	case ofRenameFrom:
		return r.RenameFrom
	case ofServer:
		return r.Server
	case ofUID:
		return r.UID
	case ofURL:
		return r.BackendURL
	case ofUser:
		return r.User
	case ofUserSent:
		return r.UserSent
	case ofVerb:
		return r.Command.Verb
	case ofVersion:
		return r.Version
	}
	return ""
}

// numberOf is the value of a variable that is a number.
func (r *Record) numberOf(of variable) (n int64, known bool) {
	t := &r.Transfer
	switch of {
	case ofBytes:
		return t.Bytes, t.Status != NoTransfer
	case ofCode:
		return int64(r.Reply.Code), r.Reply.Code != 0
	case ofEpoch:
		return r.At.Unix, true
	case ofFileSize:
		return t.FileSize, t.SizeOK
	case ofBackendPort:
		return int64(r.Backend.Port()), true // 0 until there is one
	case ofPID:
		return int64(r.PID), r.PID != 0
	case ofPort:
		return int64(r.Local.Port()), r.Local.IsValid()
	case ofRawIn:
		return r.RawIn, true
	case ofRawOut:
		return r.RawOut, true
	case ofRemotePort:
		return int64(r.Client.Port()), r.Client.IsValid()
	case ofMillis:
		return r.Millis, true
	case ofTransferMillis:
		return t.Millis, t.Status != NoTransfer
	case ofTransferPort:
		return int64(t.Port), t.Port != 0
	}
	return 0, false
}

// args is the argument as it may be shown.
func (r *Record) args() string {
	if r.Command.Secret() {
		return hidden
	}
	return r.Command.Arg
}

// modified says whether the command changed a file that was there already, which only its server knows of
// an upload.
func (r *Record) modified() string {
	switch ftp.Canonical(r.Command.Verb) {
	case ftp.STOR, ftp.STOU, ftp.APPE:
		return ""
	}
	return "false"
}

func (t *Transfer) kind() string {
	switch {
	case t.Status == NoTransfer:
		return ""
	case t.ASCII:
		return "ASCII"
	}
	return "binary"
}

func appendOr(b []byte, s string, quoted bool) []byte {
	if s == "" {
		return append(b, '-')
	}
	return appendText(b, s, quoted)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.IsValid() {
		return append(b, '-')
	}
	return a.Unmap().AppendTo(b)
}

// appendRequest appends the whole command.
func appendRequest(b []byte, r *Record, quoted bool) []byte {
	b = appendOr(b, r.Command.Verb, quoted)
	if r.Command.HasArg || r.Command.Arg != "" {
		b = appendText(append(b, ' '), r.args(), quoted)
	}
	return b
}

// appendReply appends the reply's text, without a password that it may repeat.
func appendReply(b []byte, r *Record, quoted bool) []byte {
	text := r.Reply.Text
	if r.Reply.Code == 0 || text == "" {
		return append(b, '-')
	}
	if !r.Command.Secret() {
		return appendText(b, text, quoted)
	}
	for {
		before, after, found := cutSecret(text, r.Command.Arg)
		b = appendText(b, before, quoted)
		if !found {
			return b
		}
		b, text = append(b, hidden...), after
	}
}

// appendMeasure appends the seconds that a transfer took, or its KiB a second, in thousandths.
func appendMeasure(b []byte, r *Record, of variable) []byte {
	t := &r.Transfer
	if t.Status == NoTransfer {
		return append(b, '-')
	}
	if of == ofSpeed {
		perSecond := float64(t.Bytes) / 1024 / (float64(max(t.Millis, 1)) / 1000)
		return strconv.AppendFloat(b, perSecond, 'f', 3, 64)
	}
	b = append(strconv.AppendInt(b, t.Millis/1000, 10), '.')
	return pad(b, int(t.Millis%1000), 3, '0')
}
