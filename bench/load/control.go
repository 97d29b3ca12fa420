//go:build unix

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

// maxReply bounds one reply, all its lines together.
const maxReply = 4096

// listener is who a control connection's replies are for.
type listener interface {
	heard(code int, text []byte) error
}

// control is a client's control connection.
type control struct {
	loop  *reactor.Loop
	to    listener
	fd    int
	in    [maxReply]byte
	held  int
	out   []byte
	asked string // the command whose reply is awaited, for errors
	stage int    // of the way in
}

// refusal is a reply that the script did not expect.
type refusal struct {
	asked string
	code  int
	text  string
}

func (r *refusal) Error() string {
	return fmt.Sprintf("unexpected reply to %s: %s", r.asked, r.text)
}

// errBroken marks a control connection that ended or failed in mid-dialogue.
var errBroken = errors.New("the control connection broke")

func (c *control) dial(to netip.AddrPort) error {
	fd, err := wire.Dial(to)
	if err != nil {
		return err
	}
	c.fd, c.held, c.stage, c.asked = fd, 0, 0, "the connect"
	return c.loop.Watch(fd, reactor.Readable, c)
}

func (c *control) say(command string) error {
	c.asked = command
	c.out = append(append(c.out[:0], command...), '\r', '\n')
	if n, err := unix.Write(c.fd, c.out); err != nil || n < len(c.out) {
		return fmt.Errorf("send %s: %w: %w", command, errBroken, err)
	}
	return nil
}

// Ready reads and hands every whole reply to the listener.
func (c *control) Ready() error {
	n, err := unix.Read(c.fd, c.in[c.held:])
	if wire.Again(err) {
		return nil
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return c.to.heard(0, fmt.Appendf(nil, "%v: %v", errBroken, err))
	}
	c.held += n
	for c.held > 0 {
		size, code := cutReply(c.in[:c.held])
		if size == 0 {
			break
		}
		fd := c.fd
		if err := c.to.heard(code, c.in[:size]); err != nil {
			return err
		}
		if c.fd != fd || c.held == 0 { // the listener hung up or dialled again
			return nil
		}
		c.held = copy(c.in[:], c.in[size:c.held])
	}
	if c.held == len(c.in) {
		return fmt.Errorf("reply to %s: longer than %d bytes", c.asked, maxReply)
	}
	return nil
}

// cutReply finds the first whole reply, which may have several lines (RFC 959, section 4.2): its length
// with the line ends, or 0 while it is not all there.
func cutReply(b []byte) (size, code int) {
	var first []byte
	for at := 0; ; {
		end := bytes.IndexByte(b[at:], '\n')
		if end < 0 {
			return 0, 0
		}
		line := b[at : at+end]
		at += end + 1
		if first == nil {
			first = line
		}
		if len(line) < 4 || !bytes.Equal(line[:3], first[:3]) || line[3] != ' ' {
			if len(first) >= 4 && first[3] == '-' {
				continue
			}
		}
		return at, number(first)
	}
}

func number(line []byte) (code int) {
	if len(line) < 3 {
		return 0
	}
	for _, c := range line[:3] {
		code = code*10 + int(c-'0')
	}
	return code
}

// wayIn is the dialogue up to a session that can be worked with.
var wayIn = [...]struct {
	want int
	say  string
}{
	{220, "USER bench"},
	{331, "PASS bench"},
	{230, "TYPE I"},
	{200, ""},
}

// enter takes the next step of the way in and tells when the last is done.
func (c *control) enter(code int, text []byte) (in bool, err error) {
	step := wayIn[c.stage]
	if code != step.want {
		return false, c.refused(code, text)
	}
	c.stage++
	if step.say == "" {
		return true, nil
	}
	return false, c.say(step.say)
}

func (c *control) refused(code int, text []byte) error {
	if code == 0 {
		return fmt.Errorf("wait for the reply to %s: %s", c.asked, text)
	}
	return &refusal{asked: c.asked, code: code, text: string(bytes.TrimSpace(text))}
}

func (c *control) hangUp() {
	if c.fd >= 0 {
		c.loop.Forget(c.fd)
		wire.Close(&c.fd)
	}
}
