//go:build unix

package backend

import (
	"net/netip"
	"strconv"

	"github.com/sluice-gateway/sluice/bench/reactor"
	"github.com/sluice-gateway/sluice/bench/wire"
)

// verb is one command of RFC 959 and its followers.
type verb struct {
	login bool // answered 530 before PASS
	do    func(s *session, arg []byte)
}

func allVerbs() map[string]verb {
	return map[string]verb{
		"USER": {false, always("331 Any password will do.")},
		"PASS": {false, (*session).pass},
		"FEAT": {false, always("211-Features:\r\n EPSV\r\n PASV\r\n SIZE\r\n UTF8\r\n211 End")},
		"OPTS": {false, always("200 Noted.")},
		"SYST": {false, always("215 UNIX Type: L8")},
		"NOOP": {false, always("200 Nothing done.")},
		"QUIT": {false, (*session).quit},
		"PWD":  {true, always(`257 "/" is the current directory.`)},
		"XPWD": {true, always(`257 "/" is the current directory.`)},
		"CWD":  {true, always("250 Every directory is this one.")},
		"CDUP": {true, always("250 Every directory is this one.")},
		"TYPE": {true, always("200 Bytes are bytes.")},
		"MODE": {true, always("200 Streams it is.")},
		"STRU": {true, always("200 Files it is.")},
		"SIZE": {true, (*session).size},
		"PASV": {true, (*session).pasv},
		"EPSV": {true, (*session).epsv},
		"LIST": {true, (*session).list},
		"NLST": {true, (*session).list},
		"MLSD": {true, (*session).list},
		"RETR": {true, (*session).retr},
		"STOR": {true, (*session).stor},
		"APPE": {true, (*session).stor},
		"ABOR": {true, (*session).abor},
	}
}

func always(reply string) func(*session, []byte) {
	return func(s *session, _ []byte) { s.say(reply) }
}

func (s *session) pass([]byte) {
	s.loggedIn = true
	s.say(s.welcome)
}

func (s *session) quit([]byte) {
	s.say("221 Goodbye.")
	s.over = true
}

func (s *session) size(arg []byte) {
	n, ok := namedSize(arg)
	if !ok {
		s.say(noSuchName)
		return
	}
	s.say("213 " + strconv.FormatInt(n, 10))
}

func (s *session) pasv([]byte) {
	if !s.openPassive() {
		return
	}
	b := append([]byte(nil), "227 Entering Passive Mode ("...)
	for _, octet := range s.w.server.Control.Addr().As4() {
		b = append(strconv.AppendUint(b, uint64(octet), 10), ',')
	}
	b = append(strconv.AppendUint(b, uint64(s.port>>8), 10), ',')
	b = append(strconv.AppendUint(b, uint64(s.port&0xff), 10), ")."...)
	s.say(string(b))
}

func (s *session) epsv([]byte) {
	if s.openPassive() {
		s.say("229 Entering Extended Passive Mode (|||" + strconv.FormatUint(uint64(s.port), 10) + "|)")
	}
}

// openPassive makes sure of a listener and of nobody waiting in it from an earlier offer.
func (s *session) openPassive() bool {
	if s.transfer.kind != nothing {
		s.say("503 A transfer is running.")
		return false
	}
	s.dropData()
	if s.passive >= 0 {
		s.emptyQueue()
		return true
	}
	fd, at, err := wire.Listen(netip.AddrPortFrom(s.w.server.Control.Addr(), 0), 4)
	if err == nil {
		err = s.w.loop.Watch(fd, reactor.Readable, arrival{s})
	}
	if err != nil {
		wire.Close(&fd)
		s.say("425 No port to listen on.")
		return false
	}
	s.passive, s.port = fd, at.Port()
	return true
}

func (s *session) emptyQueue() {
	for s.acceptData() {
		wire.Close(&s.data)
	}
}
