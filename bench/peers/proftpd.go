package peers

import (
	"fmt"
	"path/filepath"
	"strings"
)

// startProFTPD runs ProFTPD in the foreground with an AuthUserFile of its own.
func startProFTPD(s *Server, opt Options) error {
	in, err := Locate(string(ProFTPD))
	if err != nil {
		return err
	}
	hashed, err := hash(s.Password)
	if err != nil {
		return fmt.Errorf("start proftpd: hash the password: %w", err)
	}
	uid, gid := identity()
	users, err := s.place("passwd", fmt.Sprintf("%s:%s:%d:%d::%s:/bin/sh\n", s.User, hashed, uid, gid, s.Home), 0o600)
	if err != nil {
		return fmt.Errorf("start proftpd: %w", err)
	}
	groups, err := s.place("group", fmt.Sprintf("served:x:%d:\n", gid), 0o600)
	if err != nil {
		return fmt.Errorf("start proftpd: %w", err)
	}
	low, high := passivePorts()
	lines := []string{
		"ServerType standalone", `ServerName "peer"`, "ModulePath " + in.Modules,
		"DefaultAddress " + s.Host, "SocketBindTight on", fmt.Sprintf("Port %d", s.Port),
		fmt.Sprintf("PassivePorts %d %d", low, high),
		"AuthOrder mod_auth_file.c", "AuthUserFile " + users, "AuthGroupFile " + groups,
		"RequireValidShell off", "UseFtpUsers off", "WtmpLog off", "UseReverseDNS off",
		"DefaultRoot ~", "Umask 022", "MaxInstances none",
		// An aborted upload waits that long for the client to close, 10 s by default.
		"TimeoutLinger 1",
		"AllowOverwrite on", "AllowStoreRestart on", "AllowRetrieveRestart on",
		"SystemLog " + s.log("system.log"), "TransferLog " + s.log("xferlog"),
		"ScoreboardFile " + filepath.Join(s.dir, "scoreboard"), "PidFile " + filepath.Join(s.dir, "pid"),
		`LogFormat commands "%P %m %J %s"`, "ExtendedLog " + s.log("commands.log") + " ALL commands",
		// Sessions must start at once; the delay only hides user names from a measuring stranger.
		"<IfModule mod_delay.c>", "DelayEngine off", "</IfModule>",
	}
	if uid == nobody {
		lines = append(lines, "User nobody", "Group nogroup")
	}
	secure, err := s.proftpdTLS(opt.TLS)
	if err != nil {
		return err
	}
	lines = append(lines, secure...)
	config, err := s.place("proftpd.conf", strings.Join(append(lines, opt.Extra...), "\n")+"\n", 0o644)
	if err != nil {
		return fmt.Errorf("start proftpd: %w", err)
	}
	s.proc, err = startProcess("proftpd", in.Binary, s.dir, in.Env, "--nodaemon", "--config", config)
	return err
}

// log names a log file of the server and remembers it for Log.
func (s *Server) log(name string) string {
	path := filepath.Join(s.dir, name)
	s.logs = append(s.logs, path)
	return path
}
