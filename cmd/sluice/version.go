package main

import (
	"runtime"
	"runtime/debug"

	"github.com/sluice-gateway/sluice/runtime/config"
	"github.com/spf13/cobra"
)

// version is set by the linker when a release is built:
// -ldflags "-X main.version=1.2.3".
var version = ""

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p := &printer{out: cmd.OutOrStdout()}
			p.line("sluice %s", versionText())
			p.line("configuration language: ProFTPD %s", config.PeerVersion)
			p.line("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return p.err
		},
	}
}

// versionText prefers the release's number, then what the toolchain noted.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
