package logformat

import (
	"net/netip"
	"strconv"
	"unicode/utf8"
)

// appendJSON appends a record as one JSON object. Its names are those of the list below and do not change;
// what is missing is left out. Text that is no UTF-8 has U+FFFD for each byte of it that is none.
func appendJSON(b []byte, r *Record) []byte {
	o := object{b: append(b, '{')}
	o.key("time")
	o.b = append(o.b, '"')
	o.b = appendTime(o.b, "%Y-%m-%dT%H:%M:%S.", &r.At)
	o.b = pad(o.b, r.At.Nanos/1e6, 3, '0')
	o.b = append(appendOffset(o.b, r.At.Offset, true), '"')

	o.text("command", r.Command.Verb)
	o.text("args", r.args())
	o.number("code", int64(r.Reply.Code))
	if r.Reply.Code != 0 {
		o.reply(r)
	}
	o.always("ms", r.Millis)
	r.appendWho(&o)
	r.appendTransfer(&o)
	o.text("rename_from", r.RenameFrom)
	o.text("reason", r.Reason)
	o.addr("backend_ip", r.Backend.Addr())
	o.number("backend_port", int64(r.Backend.Port()))
	o.text("backend_url", r.BackendURL)
	return append(o.b, '}')
}

func (r *Record) appendWho(o *object) {
	o.number("session", int64(r.Session)) //nolint:gosec // a count of sessions does not overflow
	o.text("server", r.Server)
	o.text("host", r.Host)
	o.number("pid", int64(r.PID))
	o.text("protocol", r.Protocol)
	o.addr("client", r.Client.Addr())
	o.number("client_port", int64(r.Client.Port()))
	o.text("client_name", r.ClientName)
	o.addr("local", r.Local.Addr())
	o.number("local_port", int64(r.Local.Port()))
	o.text("class", r.Class)
	o.text("user", r.User)
	o.text("user_sent", r.UserSent)
	o.text("group", r.Group)
	o.text("groups", r.Groups)
	o.text("tls_version", r.TLSVersion)
	o.text("tls_cipher", r.TLSCipher)
}

func (r *Record) appendTransfer(o *object) {
	o.text("path", r.path())
	o.text("dir", r.dir())
	t := &r.Transfer
	if t.Status == NoTransfer {
		return
	}
	o.text("transfer_status", t.Status.String())
	o.text("transfer_failure", t.Failure)
	o.text("transfer_type", t.kind())
	o.always("bytes", t.Bytes)
	o.always("transfer_ms", t.Millis)
	o.number("transfer_port", int64(t.Port))
	if t.SizeOK {
		o.always("file_size", t.FileSize)
	}
}

// object is a JSON object that is being written.
type object struct {
	b    []byte
	more bool
}

func (o *object) key(name string) {
	if o.more {
		o.b = append(o.b, ',')
	}
	o.more = true
	o.b = append(append(append(o.b, '"'), name...), '"', ':')
}

func (o *object) text(name, value string) {
	if value != "" {
		o.key(name)
		o.b = append(appendJSONText(append(o.b, '"'), value), '"')
	}
}

// reply appends the reply's text, without a password that it may repeat.
func (o *object) reply(r *Record) {
	o.key("reply")
	o.b = append(o.b, '"')
	text, secret := r.Reply.Text, r.Command.Secret()
	for secret {
		before, after, found := cutSecret(text, r.Command.Arg)
		if !found {
			break
		}
		o.b, text = append(appendJSONText(o.b, before), hidden...), after
	}
	o.b = append(appendJSONText(o.b, text), '"')
}

// number leaves a zero out, always does not.
func (o *object) number(name string, n int64) {
	if n != 0 {
		o.always(name, n)
	}
}

func (o *object) always(name string, n int64) {
	o.key(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

func (o *object) addr(name string, a netip.Addr) {
	if a.IsValid() {
		o.key(name)
		o.b = append(a.Unmap().AppendTo(append(o.b, '"')), '"')
	}
}

// appendJSONText appends what stands between the quotes of a JSON string, RFC 8259 section 7. The
// characters that end a line for some readers are escaped as well.
func appendJSONText(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			b = appendJSONByte(b, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\ufffd`...)
		case breaksLine(r, size):
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return b
}

func appendJSONByte(b []byte, c byte) []byte {
	switch {
	case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
		return appendEscape(b, c)
	case c < ' ', c == 0x7f:
		return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
	return append(b, c)
}
