// Package journal holds the actor that writes down what clients do: the transfer logs, with one line for
// each transfer in the xferlog format that log analysers read, and the logs of commands (ExtendedLog), with
// one line for each command in the format that the administrator gave.
//
// It drops nothing and blocks nobody for long. Lines are gathered while the mailbox has more to read and
// written when it is empty, or at the latest after Config.Longest. When a file does not take them (full
// disk, input/output error, a pipe whose reader has gone) the journal says so once, keeps the lines and
// tries again every Config.Retry. While Config.Backlog bytes wait for one file, further lines for it go to
// the system log instead, and so does everything that still waits at the end of a shutdown: whole lines,
// so that they can be put back.
//
// The mailbox is bounded. It fills only while a write hangs in the kernel, as on a network file system
// whose server is away; a session's Send then waits for as long as the session's context lets it.
//
// Start the journal before everybody who records, so that it is stopped after them: a line that is sent
// after the end of Run is not written.
package journal
