// Command sluice is a proxy gateway for FTP, FTPS, SFTP and SCP that reads
// ProFTPD's configuration language. This package is the door: subcommands,
// flags, exit codes and output; everything else lives in the packages below.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit code.
func run(args []string, out, errs io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.Execute()
	code := exitCode(err)
	if err != nil && !isSilent(err) {
		_, _ = fmt.Fprintf(errs, "sluice: %v\n", err)
		if code == exitUsage {
			_, _ = fmt.Fprintln(errs, "Run 'sluice help' to see what there is.")
		}
	}
	return code
}

const rootHelp = `Sluice stands between file-transfer clients and file-transfer servers.

As a reverse proxy it spreads clients over the backends you list; as a forward
proxy it takes permitted clients to servers they name. It reads the
configuration language of ProFTPD and its mod_proxy.

A first configuration has five lines:

  Port 2121
  ProxyEngine on
  ProxyRole reverse
  ProxyReverseConnectPolicy RoundRobin
  ProxyReverseServers ftp://backend1.example.com ftp://backend2.example.com

Check it with 'sluice check -c FILE', and look a directive up with
'sluice directives NAME'.

` + exitHelp

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "sluice",
		Short:         "A proxy gateway for FTP, FTPS, SFTP and SCP",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError{err}
	})
	root.AddCommand(newServe(), newDemo(), newCheck(), newDirectives(), newVersion())
	return root
}

// knownCommand refuses a word that is no subcommand.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usageError{fmt.Errorf("unknown command %q: did you mean %s?", args[0], near[0])}
	}
	return usageError{fmt.Errorf("unknown command %q", args[0])}
}
