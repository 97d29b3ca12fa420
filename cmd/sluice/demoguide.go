package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// guide waits for the gateway, logs in twice to show that two logins reach two
// backends, and says what to try.
func (d *demo) guide(ctx context.Context, ready <-chan struct{}) error {
	select {
	case <-ready:
	case <-ctx.Done():
		return nil
	}
	var lines []string
	for range demoBackends {
		line, err := d.whoAnswers(ctx)
		if err != nil {
			return fmt.Errorf("logging in through the gateway: %w", err)
		}
		lines = append(lines, line)
	}
	d.print.line("%s", d.guideText(lines))
	return d.print.err
}

// whoAnswers logs in and reads the first line of the README.
func (d *demo) whoAnswers(ctx context.Context) (string, error) {
	v, err := visit(ctx, d.gateway(), "demo")
	if err != nil {
		return "", err
	}
	text, err := v.read(ctx, "README.txt")
	if err = errors.Join(err, v.quit()); err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line, nil
}

const guideHead = `
The gateway listens at ftp://%s (any user, any password; this machine only).
Behind it: %s.

Two logins went through it just now, and read README.txt:

%s
Try it in another terminal:

  # look around; the README tells which server you reached
  curl ftp://%[1]s/
  curl ftp://%[1]s/README.txt

  # download 32 MiB and compare the checksum
  curl -O ftp://%[1]s/pub/%[4]s -O ftp://%[1]s/pub/%[4]s.sha256
  %[5]s -c %[4]s.sha256

  # upload, and read it back in the same session
  echo hello | curl -T - ftp://%[1]s/incoming/hello.txt --next ftp://%[1]s/incoming/hello.txt

  # or with a client of the comfortable kind
  lftp -u demo,demo ftp://%[1]s
  ftp %[6]s

Every login may reach another server, and an upload stays where it arrived:

%[7]s
Logs           %[8]s
Configuration  %[9]s

%[10]s`

func (d *demo) guideText(logins []string) string {
	var servers []string
	var said, homes strings.Builder
	for i, b := range d.backends {
		servers = append(servers, fmt.Sprintf("%s at %s", demoBackends[i], b.Addr()))
		fmt.Fprintf(&homes, "  %-12s %s\n", demoBackends[i], d.home(demoBackends[i]))
	}
	for i, line := range logins {
		fmt.Fprintf(&said, "  login %d   %s\n", i+1, line)
	}
	checksum := "sha256sum"
	if runtime.GOOS == "darwin" {
		checksum = "shasum -a 256"
	}
	end := "Stop with ^C."
	if d.flags.lifetime > 0 {
		end = fmt.Sprintf("Stops by itself after %s, or with ^C.", d.flags.lifetime)
	}
	if d.flags.keep {
		end += " Everything is kept."
	} else {
		end += " Everything is removed then."
	}
	return fmt.Sprintf(guideHead, d.gateway(), strings.Join(servers, ", "), said.String(), demoFileName, checksum,
		strings.Replace(d.gateway(), ":", " ", 1), homes.String(), d.logs(), d.config(), end)
}
