// Package listing translates directory lists between the forms FTP servers
// speak: the LIST text of many systems into MLSD lines, and MLSD into the LIST
// and NLST of old clients. It turns bytes into values and back, and knows no
// sockets, clocks, goroutines or logs; what time it is, its callers say.
//
// The rules that hold in every file:
//
//   - A listing is of one family. The first line that some family's parser takes
//     decides, and later lines of another form are left out.
//   - Reading is tolerant (odd columns, missing columns, extra CRs); what cannot
//     be read is left out, never guessed at and never an error.
//   - A name is bytes. It comes out as it came in, except that a name which could
//     break a line or lead out of the directory does not come out at all.
//   - A fact is told only if the list tells it and RFC 3659's grammar can hold it.
//   - Entries point into the line they were read from: no copies, no garbage.
//
// RFC 3659 §7 (MLST, MLSD), RFC 959 §4.1.3 (LIST, NLST); the forms of LIST are
// nobody's standard and are described beside the parser of each.
package listing
