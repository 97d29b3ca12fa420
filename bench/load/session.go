//go:build unix

package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sluice-gateway/sluice/bench/reactor"
)

// doorWidth bounds how many clients of a crew log in at once: a gateway that minds more is to be
// measured, not to be kept from it.
const doorWidth = 8

// knocks is how often a client of a crew may try to get in, on average, when it is turned away.
const knocks = 3

// guest is a client that logs in and then works.
type guest interface {
	listener
	line() *control
	hangUp()
}

// sessions is what crews of logged-in clients have in common.
type sessions struct {
	loop   *reactor.Loop
	addr   netip.AddrPort
	guests []guest
	begun  int // guests that dialled
	inside int // guests that are logged in
	turned int // times that somebody was turned away
}

// prepare logs everybody in, a few at a time.
func (s *sessions) prepare(ctx context.Context) error {
	for s.begun < min(doorWidth, len(s.guests)) {
		if err := s.admit(); err != nil {
			return err
		}
	}
	if err := s.loop.Run(ctx, time.Now().Add(prepareTimeout)); err != nil {
		return err
	}
	if s.inside < len(s.guests) {
		return fmt.Errorf("log in: %d of %d clients were let in within %v; one waits for the reply to %s",
			s.inside, len(s.guests), prepareTimeout, s.straggler())
	}
	return nil
}

func (s *sessions) admit() error {
	g := s.guests[s.begun]
	s.begun++
	c := g.line()
	c.loop, c.to, c.fd = s.loop, g, -1
	return c.dial(s.addr)
}

// arrived is told by a guest that is in; it lets in the next one, or ends the stretch.
func (s *sessions) arrived() error {
	s.inside++
	if s.inside == len(s.guests) {
		s.loop.Stop()
	}
	if s.begun < len(s.guests) {
		return s.admit()
	}
	return nil
}

func (s *sessions) straggler() string {
	for _, g := range s.guests[:s.begun] {
		if c := g.line(); c.stage < len(wayIn) {
			return c.asked
		}
	}
	return "nothing"
}

func (s *sessions) close() {
	for _, g := range s.guests[:s.begun] {
		g.hangUp()
	}
	s.loop.Close()
}

// visitor is the control connection of a guest, with its way in.
type visitor struct {
	control
	home *sessions
}

func (v *visitor) line() *control { return &v.control }

// comeIn handles a reply that belongs to the login; it reports false for any later one.
func (v *visitor) comeIn(code int, text []byte) (mine bool, err error) {
	if v.stage == len(wayIn) {
		return false, nil
	}
	in, err := v.enter(code, text)
	if err != nil {
		return true, v.knockAgain(err)
	}
	if in {
		return true, v.home.arrived()
	}
	return true, nil
}

// knockAgain begins a login anew that went wrong, as often as patience allows.
func (v *visitor) knockAgain(err error) error {
	v.home.turned++
	if v.home.turned > knocks*len(v.home.guests) {
		return fmt.Errorf("log in: turned away %d times, the last time so: %w", v.home.turned, err)
	}
	v.hangUp()
	return v.dial(v.home.addr)
}

// errStill is the answer of a job whose sessions should have kept quiet.
var errStill = errors.New("an idle session was spoken to")
