// Package ftp is the language of the FTP control connection: command lines,
// replies, the addresses both carry, and the FEAT list. It turns bytes into
// values and back, and knows no sockets, clocks, goroutines or logs.
//
// The rules that hold in every file:
//
//   - Feed hands bytes over, Next is called until it has no more; every length
//     has a named limit that is checked before memory is taken for it.
//   - Reading is tolerant where real peers are sloppy (bare LF, bare "226",
//     blank lines); writing is strict. What was read is never copied to the
//     other side as bytes: it is decoded and encoded again, so no CR, LF, NUL
//     or Telnet command of one peer reaches the other.
//   - An idle decoder holds no buffer.
//   - Secrets do not show: String methods are for logs and mask them, and no
//     error carries an argument of a command that could hold one.
//
// RFC 959 (FTP), RFC 854 (Telnet), RFC 1123 §4.1 (requirements), RFC 2228
// (security), RFC 2389 (FEAT), RFC 2428 (EPRT, EPSV), RFC 3659 (MLST and
// others), RFC 7151 (HOST).
package ftp
