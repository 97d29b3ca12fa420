package embedded

import (
	"context"
	"net"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// reader reads a control connection and tells its session. The session closes
// the connection to end it; how long silence may last is the session's to say.
type reader struct {
	conn net.Conn
	tell chan<- heard
}

func (r *reader) String() string { return "control reader" }

// Run reads until the connection or ctx ends. It stays until then: an end of
// its own would look like a crash.
func (r *reader) Run(ctx context.Context) error {
	r.say(ctx, heard{lost: r.listen(ctx)})
	<-ctx.Done()
	return nil
}

// listen tells every line until the connection ends, and why it did.
func (r *reader) listen(ctx context.Context) error {
	var decode ftp.CommandDecoder
	buf := make([]byte, 2<<10)
	for {
		n, err := r.conn.Read(buf)
		decode.Feed(buf[:n])
		for {
			c, ok, bad := decode.Next()
			if !ok {
				break
			}
			if !r.say(ctx, heard{command: c, bad: bad}) {
				return context.Cause(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (r *reader) say(ctx context.Context, h heard) bool {
	select {
	case r.tell <- h:
		return true
	case <-ctx.Done():
		return false
	}
}
