// Package logfile is where log lines become bytes in files: it opens the files under the rules that the
// logging directives state (SystemLog, ProxyLog, TransferLog), keeps them open across rotation, renders
// structured events in the line formats that operators' tools expect, and takes the writing off the hot
// path.
//
// An event goes this way: a zerolog.Logger made on a Sink encodes it as JSON; the Sink puts the bytes
// into the Queue's bounded channel and returns; the Queue, an actor, renders and writes in batches. While
// the Queue does not run, before start-up has got that far or after shutdown has passed it, the caller
// writes its line itself, so that nothing waits in a channel that nobody reads.
//
// What happens when the disk is slower than the sessions: debug lines are counted and dropped, info
// lines wait a moment before that happens to them, warnings and errors go to the fallback (standard
// error) instead of being lost.
package logfile
