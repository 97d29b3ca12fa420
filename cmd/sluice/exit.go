package main

import "errors"

// The exit codes of every subcommand.
const (
	exitOK      = 0
	exitConfig  = 1 // the configuration has errors
	exitUsage   = 2 // the command line cannot be understood
	exitRuntime = 3 // something failed while running
)

const exitHelp = `Exit codes:
  0  done
  1  the configuration has errors
  2  the command line cannot be understood
  3  something failed while running`

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// configError says that the configuration has errors, which have been
// printed already.
type configError struct{}

func (configError) Error() string { return "the configuration has errors" }

func exitCode(err error) int {
	var usage usageError
	var config configError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &config):
		return exitConfig
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitRuntime
}

// isSilent reports an error that needs no message of its own.
func isSilent(err error) bool {
	var config configError
	return errors.As(err, &config)
}
