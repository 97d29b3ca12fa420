package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// startVSFTPD runs vsftpd as root. It authenticates by PAM against the system's account files,
// so it gets a mount namespace in which /etc/pam.d, /etc/passwd and /etc/shadow are the test's
// own; the machine's files stay as they are.
func startVSFTPD(s *Server, opt Options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("start vsftpd: %w: it needs root, to log a user in by PAM and to get a private mount namespace", ErrUnavailable)
	}
	in, err := Locate(string(VSFTPD))
	if err != nil {
		return err
	}
	space, err := Locate("unshare")
	if err != nil {
		return err
	}
	if err := s.placeAccounts(); err != nil {
		return fmt.Errorf("start vsftpd: %w", err)
	}
	secure, env, err := s.vsftpdTLS(opt.TLS)
	if err != nil {
		return err
	}
	lines := append(append(s.vsftpdLines(), secure...), opt.Extra...)
	config, err := s.place("vsftpd.conf", strings.Join(lines, "\n")+"\n", 0o600)
	if err != nil {
		return fmt.Errorf("start vsftpd: %w", err)
	}
	// $1 is the test's etc folder; the shell gives way to the daemon, which keeps its pid.
	const script = `set -e
mount --make-rprivate /
mount --bind "$1/pam.d" /etc/pam.d
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
exec "$2" "$3"`
	s.proc, err = startProcess("vsftpd", space.Binary, s.dir, append(env, in.Env...),
		"--mount", "sh", "-c", script, "sh", filepath.Join(s.dir, "etc"), in.Binary, config)
	return err
}

func (s *Server) placeAccounts() error {
	hashed, err := hash(s.Password)
	if err != nil {
		return fmt.Errorf("hash the password: %w", err)
	}
	passwd := "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n" +
		fmt.Sprintf("%s:x:%d:%d::%s:/bin/sh\n", s.User, nobody, nobody, s.Home)
	files := map[string]string{
		"etc/passwd":       passwd,
		"etc/shadow":       fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", s.User, hashed),
		"etc/pam.d/sluice": "auth required pam_unix.so nodelay\naccount required pam_permit.so\nsession required pam_permit.so\n",
	}
	for name, body := range files {
		if _, err := s.place(name, body, 0o644); err != nil {
			return err
		}
	}
	return os.Mkdir(filepath.Join(s.dir, "empty"), 0o755) // vsftpd's jail before login
}

func (s *Server) vsftpdLines() []string {
	low, high := passivePorts()
	lines := []string{
		"background=NO", fmt.Sprintf("listen_port=%d", s.Port),
		"anonymous_enable=NO", "local_enable=YES", "write_enable=YES", "local_umask=022",
		"pam_service_name=sluice", "nopriv_user=nobody", "secure_chroot_dir=" + filepath.Join(s.dir, "empty"),
		"chroot_local_user=YES", "allow_writeable_chroot=YES", "local_root=" + s.Home,
		"connect_from_port_20=NO", "pasv_enable=YES", fmt.Sprintf("pasv_min_port=%d", low), fmt.Sprintf("pasv_max_port=%d", high),
		"async_abor_enable=YES", "ls_recurse_enable=YES", "mdtm_write=YES",
		"delay_failed_login=0", "max_clients=0", "max_per_ip=0",
		"xferlog_enable=YES", "dual_log_enable=YES", "log_ftp_protocol=YES",
		"xferlog_file=" + s.log("xferlog"), "vsftpd_log_file=" + s.log("vsftpd.log"),
		// Containers may forbid both; neither matters to what the tests look at.
		"seccomp_sandbox=NO", "isolate=NO", "isolate_network=NO",
	}
	if strings.Contains(s.Host, ":") {
		return append(lines, "listen=NO", "listen_ipv6=YES", "listen_address6="+s.Host)
	}
	return append(lines, "listen=YES", "listen_ipv6=NO", "listen_address="+s.Host)
}
