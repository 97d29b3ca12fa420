package embedded

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// resolve turns an argument into a name below the root: "." is the root
// itself. It is false for names that are ours.
func (s *session) resolve(arg string) (string, bool) {
	p := s.absolute(arg)
	if strings.Contains(p, "/"+unfinished) {
		return "", false
	}
	return below(p), true
}

func (s *session) absolute(arg string) string {
	if strings.HasPrefix(arg, "/") {
		return path.Clean(arg)
	}
	return path.Join(s.cwd, arg)
}

func below(absolute string) string {
	if absolute == "/" {
		return "."
	}
	return absolute[1:]
}

func missing(c ftp.Command) ftp.Reply {
	return ftp.NewReply(550, c.Arg+": No such file or directory")
}

// reason is an error's text for the client, who need not learn more.
func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "No such file or directory"
	case errors.Is(err, fs.ErrExist):
		return "File exists"
	case errors.Is(err, syscall.ENOTEMPTY):
		return "Directory not empty"
	case errors.Is(err, syscall.ENOTDIR):
		return "Not a directory"
	case errors.Is(err, syscall.ENOSPC):
		return "No space left on device"
	}
	return "Permission denied"
}

// act carries out one change of a name and replies.
func (s *session) act(c ftp.Command, do func(name string) error, done ftp.Reply) {
	name, ok := s.resolve(c.Arg)
	if !ok || name == "." {
		s.reply(ftp.NewReply(550, c.Arg+": Permission denied"))
		return
	}
	if err := do(name); err != nil {
		s.reply(ftp.NewReply(550, c.Arg+": "+reason(err)))
		return
	}
	s.reply(done)
}

// quoted writes a path as 257 does (RFC 959 appendix II).
func quoted(p string) string { return `"` + strings.ReplaceAll(p, `"`, `""`) + `"` }

func (s *session) cmdPwd(context.Context, ftp.Command) {
	s.reply(ftp.NewReply(257, quoted(s.cwd)+" is the current directory"))
}

func (s *session) cmdCwd(_ context.Context, c ftp.Command) {
	name, ok := s.resolve(c.Arg)
	info, err := s.root.Stat(name)
	switch {
	case !ok || err != nil:
		s.reply(missing(c))
	case !info.IsDir():
		s.reply(ftp.NewReply(550, c.Arg+": Not a directory"))
	default:
		s.cwd = s.absolute(c.Arg)
		s.reply(ftp.NewReply(250, c.Verb+" command successful"))
	}
}

func (s *session) cmdCdup(ctx context.Context, c ftp.Command) {
	c.Arg = ".."
	s.cmdCwd(ctx, c)
}

func (s *session) cmdMkd(_ context.Context, c ftp.Command) {
	s.act(c, func(name string) error { return s.root.Mkdir(name, 0o777) },
		ftp.NewReply(257, quoted(s.absolute(c.Arg))+" created"))
}

func (s *session) cmdRmd(_ context.Context, c ftp.Command) {
	s.act(c, func(name string) error { return s.remove(name, true) }, ftp.NewReply(250, c.Verb+" command successful"))
}

func (s *session) cmdDele(_ context.Context, c ftp.Command) {
	s.act(c, func(name string) error { return s.remove(name, false) }, ftp.NewReply(250, c.Verb+" command successful"))
}

func (s *session) remove(name string, directory bool) error {
	info, err := s.root.Lstat(name)
	switch {
	case err != nil:
		return err
	case directory && !info.IsDir():
		return syscall.ENOTDIR
	case !directory && info.IsDir():
		return fs.ErrPermission
	}
	return s.root.Remove(name)
}

func (s *session) cmdRnfr(_ context.Context, c ftp.Command) {
	name, ok := s.resolve(c.Arg)
	if _, err := s.root.Lstat(name); !ok || name == "." || err != nil {
		s.reply(missing(c))
		return
	}
	s.rename = name
	s.reply(ftp.NewReply(350, "File or directory exists, ready for destination name"))
}

func (s *session) cmdRnto(_ context.Context, c ftp.Command) {
	from := s.rename
	s.rename = ""
	if from == "" {
		s.reply(ftp.BadSequence())
		return
	}
	s.act(c, func(name string) error { return s.root.Rename(from, name) }, ftp.NewReply(250, "Rename successful"))
}

// cmdSize tells the bytes of a transfer, which for TYPE A only the transfer
// could tell (RFC 3659 §4).
func (s *session) cmdSize(_ context.Context, c ftp.Command) {
	if s.ascii {
		s.reply(ftp.NewReply(550, "SIZE not allowed in ASCII mode"))
		return
	}
	if info := s.regular(c); info != nil {
		s.reply(ftp.NewReply(213, strconv.FormatInt(info.Size(), 10)))
	}
}

func (s *session) cmdMdtm(_ context.Context, c ftp.Command) {
	if info := s.regular(c); info != nil {
		s.reply(ftp.NewReply(213, stamp(info.ModTime())))
	}
}

func (s *session) regular(c ftp.Command) fs.FileInfo {
	name, ok := s.resolve(c.Arg)
	info, err := s.root.Stat(name)
	switch {
	case !ok || err != nil:
		s.reply(missing(c))
		return nil
	case !info.Mode().IsRegular():
		s.reply(ftp.NewReply(550, c.Arg+": Not a regular file"))
		return nil
	}
	return info
}

// stamp is a time-val of RFC 3659 §2.3, in UTC.
func stamp(t time.Time) string { return t.UTC().Format("20060102150405") }
