// Package dialogue is the mind of an FTP session as a pure state machine:
// an event and the time go in, actions come out. It opens nothing, waits for
// nothing and knows no clock, so every path is tested from tables.
//
// The rules that hold in every file:
//
//  1. One client command is answered before the next is looked at; during a
//     transfer ABOR, STAT and NOOP go ahead, others wait their turn, bounded.
//  2. One backend command is in flight at a time, and one function waits for
//     its replies (Machine.await). A transfer and what was asked meanwhile are
//     the exception and keep their own books (transfer.go).
//  3. A transfer is told as complete only when the backend said so, its data
//     ended properly and every byte was handed on. Everything else is passed
//     on as a break.
//  4. Whatever ends a session ends it through Machine.end, once.
//  5. Nothing is said while a handshake is under way, and nothing that was heard
//     in clear counts after it (tls.go, protect.go).
//
// Behaviour follows RFC 959, 2228, 2389, 2428, 3659, 4217, 7151 and, where those
// leave room, what ProFTPD's mod_tls and mod_proxy do.
package dialogue
