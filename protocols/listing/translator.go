package listing

import (
	"bytes"
	"slices"
)

// MaxLine bounds a line of a listing, without its end. It holds the longest path
// of POSIX systems as a link's target, and the longest name beside it.
const MaxLine = 8 << 10

// Style is the form that a listing is translated into.
type Style uint8

// The styles.
const (
	MLSD Style = iota
	LIST       // as ls -l
	NLST       // names alone
)

// Options say what a listing becomes.
type Options struct {
	To       Style
	From     Family // FamilyUnknown: the listing shows it
	Now      Date   // in UTC: for dates without a year, and for those LIST shows without
	Facts    Facts  // for MLSD
	UseSlink bool   // for MLSD: show where links lead
	All      bool   // for LIST: show "." and ".." too
	Prefix   string // for NLST: what makes a path of a name, "dir/" (RFC 1123 §4.1.2.7)
}

// Counts tell what became of the lines.
type Counts struct {
	Entries int // translated, or hidden as "." and ".." are
	Self    int // of those, the listed directory itself
	Skipped int // headings, sums, blank lines and what was not understood
	Idle    int // of those, the ones that tell of no file: all but what was not understood
	TooLong int // lines beyond MaxLine, left out
}

// Baffling says that there were lines, and not one of them was understood.
func (c Counts) Baffling() bool { return c.Entries == 0 && c.Skipped+c.TooLong > c.Idle }

// Translator turns the bytes of one listing into another form. Bytes are fed, and
// Append is called for what they make; End is for a listing that has ended well.
// Between two calls it holds no more than the line begun.
type Translator struct {
	opts   Options
	parser Parser
	in     []byte // the caller's bytes, not yet read
	line   []byte // the line begun in earlier bytes
	long   bool   // in a line beyond MaxLine
	ended  bool   // what comes next is another listing
	counts Counts
}

// NewTranslator is for one listing.
func NewTranslator(opts Options) *Translator {
	return &Translator{opts: opts, parser: NewParser(opts.From, opts.Now)}
}

// Feed hands over b, which is the translator's until the next Append.
func (t *Translator) Feed(b []byte) {
	if len(t.in) == 0 {
		t.in = b
		return
	}
	t.in = slices.Concat(t.in, b)
}

// Append translates the lines that are whole and appends them to dst. One line
// makes at most one, longer by no more than some 200 bytes.
func (t *Translator) Append(dst []byte) []byte {
	if t.ended && len(t.in) > 0 {
		t.parser, t.ended = NewParser(t.opts.From, t.opts.Now), false
	}
	for len(t.in) > 0 {
		i := bytes.IndexByte(t.in, '\n')
		if i < 0 {
			t.keep(t.in)
			break
		}
		part := t.in[:i]
		t.in = t.in[i+1:]
		if len(t.line) == 0 && !t.long && len(part) <= MaxLine+1 {
			dst = t.translate(dst, part) // where it lies
			continue
		}
		t.keep(part)
		dst = t.finish(dst)
	}
	t.in = nil
	return dst
}

// End translates a last line that has no end, and makes ready for another
// listing. It is not to be called for a listing that broke off: half a name is
// another name.
func (t *Translator) End(dst []byte) []byte {
	dst = t.Append(dst)
	if len(t.line) > 0 || t.long {
		dst = t.finish(dst)
	}
	t.ended = true
	return dst
}

// Family is what the listing turned out to be, also when it has ended.
func (t *Translator) Family() Family { return t.parser.Family() }

// Counts are of all that was translated until now.
func (t *Translator) Counts() Counts { return t.counts }

// Buffered counts the bytes held.
func (t *Translator) Buffered() int { return len(t.in) + len(t.line) }

// keep adds to the line begun, one byte more than the limit for a CR.
func (t *Translator) keep(part []byte) {
	if t.long || len(t.line)+len(part) > MaxLine+1 {
		t.long, t.line = true, nil
		return
	}
	t.line = append(t.line, part...)
}

// finish translates the line kept.
func (t *Translator) finish(dst []byte) []byte {
	if t.long {
		t.counts.TooLong++
	} else {
		dst = t.translate(dst, t.line)
	}
	t.line, t.long = t.line[:0], false
	return dst
}

// translate takes a line without its LF. All CRs at its end belong to the end:
// text that went through two conversions has several.
func (t *Translator) translate(dst, line []byte) []byte {
	if line = bytes.TrimRight(line, "\r"); len(line) > MaxLine {
		t.counts.TooLong++
		return dst
	}
	e, ok := t.parser.Parse(line)
	if !ok {
		t.counts.Skipped++
		if isIdle(line) {
			t.counts.Idle++
		}
		return dst
	}
	t.counts.Entries++
	if e.Kind == Cdir {
		t.counts.Self++
	}
	switch listed := e.Kind != Cdir && e.Kind != Pdir; {
	case t.opts.To == MLSD:
		return e.AppendMLSD(dst, t.opts.Facts, t.opts.UseSlink)
	case t.opts.To == LIST && (listed || t.opts.All):
		return e.AppendLIST(dst, t.opts.Now)
	case t.opts.To == NLST && listed:
		return e.AppendNLST(append(dst, t.opts.Prefix...))
	}
	return dst
}

// isIdle takes blank lines, headings and sums: "Total of 0 files." of VMS, and in any
// language a word and a number ("insgesamt 8").
func isIdle(line []byte) bool {
	var room [3]span
	cols := columns(line, 0, room[:0])
	switch {
	case len(cols) == 0, headingOf(line) != FamilyUnknown, bytes.EqualFold(cols[0].of(line), []byte("total")):
		return true
	case len(cols) == 2:
		_, sum := number(cols[1].of(line))
		return sum
	}
	return false
}
