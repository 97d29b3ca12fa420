package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/bench/peers"
)

// sshExamples are those that this version only reads: it says that they have no effect, and serves nobody
// rather than serving half. Whoever brings SSH gives each of them a play of its own.
var sshExamples = map[string]example{
	"09-sftp-host-keys": {changes: []change{
		{"/etc/ssh", "{dir}/ssh", "keys of the test's own"},
		{"    ...\n", "    SFTPEngine on\n", "the ellipsis stands for the rest of mod_sftp"},
		{"    ..\n", "    ProxyRole reverse\n    ProxyTables {dir}/proxy\n    ProxyReverseServers sftp://127.0.0.1:2222\n", "the ellipsis stands for the rest of the proxy"},
	}, idle: []string{"ProxySFTPHostKey", "SFTPEngine", "SFTPHostKey"}, play: playLater},
	"10-sftp-agent":        {idle: []string{"ProxySFTPHostKey", "SFTPEngine", "SFTPHostKey"}, play: playLater},
	"11-sftp-options":      {idle: []string{"ProxySFTPOptions", "SFTPEngine", "SFTPHostKey"}, play: playLater},
	"12-sftp-passphrase":   {changes: []change{trusted}, idle: []string{"ProxySFTPPassPhraseProvider", "SFTPEngine", "SFTPHostKey"}, play: playLater},
	"13-sftp-server-alive": {idle: []string{"ProxySFTPServerAlive", "SFTPEngine", "SFTPHostKey"}, play: playLater},
	"33-sftp":              {changes: []change{paths, tabled, andSoOn}, idle: []string{"SFTPEngine", "SFTPHostKey"}, play: playLater},
}

// sshLines are what a stand-alone line needs to be part of a whole proxy for SSH; a file with a proxy of its
// own needs the front alone.
func sshLines(text string) []string {
	front := []string{"SFTPEngine on", "SFTPHostKey {dir}/ssh_host_ed25519_key"}
	switch {
	case strings.Contains(text, "SFTPHostKey {dir}"):
		return nil
	case strings.Contains(text, "ProxyRole"):
		return front
	}
	return around(append(front, "ProxyReverseServers sftp://127.0.0.1:2222")...)
}

// playLater is the play of an example whose directives have no effect yet.
func playLater(s *scene) {
	folder(s, filepath.Join(s.g.Dir, "proxy"))
	place(s, filepath.Join(s.g.Dir, "proxy", "get-ssh-passphrase"), "#!/bin/sh\necho none\n", 0o755)
	text := s.text(sshLines(s.printed(s.name+".conf", s.example.changes))...)
	for kind, args := range map[string]string{
		"rsa": "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048", "ecdsa": "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256",
		"ed25519": "genpkey -algorithm ED25519", "dsa": "dsaparam -genkey -noout 1024",
	} {
		path := filepath.Join(s.g.Dir, "ssh_host_"+kind+"_key")
		if !strings.Contains(text, path) {
			continue
		}
		place(s, path, "", 0o600) // the key keeps this mode
		words := strings.Fields(args)
		s.openssl(slices.Insert(words, 1, "-out", path)...)
	}
	s.g.Configure(text)
	v := s.check()
	if v.code != 0 || len(v.Problems) > 0 || len(v.Ignored) > 0 {
		s.Errorf("the check ends with %d: %v", v.code, v.Problems)
	}
	if !slices.Equal(v.idle(), s.example.idle) {
		s.Errorf("without effect are %q, want %q", v.idle(), s.example.idle)
	}
	s.mustNotServe("not serving this server: SFTPEngine is on, which has no effect in this version")
}

// mustNotServe fails unless the gateway ends at once and says why.
func (s *scene) mustNotServe(why string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), callLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, peers.RequireGateway(s), "serve", "-c", s.g.Config)
	cmd.Env = s.environment()
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 3 || !strings.Contains(string(out)+s.g.File("system.log"), why) {
		s.Errorf("the gateway ended with %v: %s%s", err, out, s.g.File("system.log"))
	}
}
