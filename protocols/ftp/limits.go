package ftp

// Limits of the control connection. All of them count bytes without the line
// end, except where said otherwise.
const (
	// MaxCommandLine bounds one command line, after Telnet decoding. It leaves
	// room for the longest path of POSIX systems (PATH_MAX, 4096 with its NUL).
	MaxCommandLine = 4096

	// MaxVerb bounds the verb. RFC 959 has four letters; vendor verbs have more.
	MaxVerb = 32

	// MaxReplyLine bounds one line of a reply.
	MaxReplyLine = 8 << 10

	// MaxReplyText bounds the text of one reply, all its lines together.
	MaxReplyText = 1 << 20

	// MaxReplyLines bounds the number of lines in one reply: a STAT of a large
	// directory fits, a stream of empty lines does not.
	MaxReplyLines = 32 << 10

	// MaxFeatures bounds the features remembered from one FEAT reply, and
	// MaxFeatureLine the bytes of each; what exceeds them is left out.
	MaxFeatures    = 256
	MaxFeatureLine = 1 << 10

	// maxLogged bounds what the String methods show, maxQuoted what errors do.
	maxLogged = 256
	maxQuoted = 64
)
