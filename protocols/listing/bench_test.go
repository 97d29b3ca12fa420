package listing

import (
	"fmt"
	"testing"
)

// block is as much as a data channel reads at once.
const block = 64 << 10

// listingOf makes a listing of lines entries.
func listingOf(lines int, line func(i int) string) (in []byte) {
	for i := range lines {
		in = append(in, line(i)...)
	}
	return in
}

var benchLists = map[string]func(i int) string{
	"unix": func(i int) string {
		return fmt.Sprintf("-rw-r--r--   1 joe      staff    %8d Jan %2d 03:26 report of 2026, part %05d.txt\r\n", i*77, i%14+1, i)
	},
	"dos": func(i int) string {
		return fmt.Sprintf("01-%02d-26  09:09PM %20d report of 2026, part %05d.txt\r\n", i%14+1, i*77, i)
	},
	"vms": func(i int) string {
		return fmt.Sprintf("REPORT_%05d.TXT;1      %6d/%-6d  %2d-JAN-2026 17:44:05  [GRP,SYSTEM]  (RWED,RWED,RE,RE)\r\n", i, i, i+3, i%14+1)
	},
	"mlsd": func(i int) string {
		return fmt.Sprintf("type=file;size=%d;modify=202601%02d032600;perm=adfrw;UNIX.mode=0644;UNIX.ownername=joe; report of 2026, part %05d.txt\r\n", i*77, i%14+1, i)
	},
}

func translateBlocks(tr *Translator, in, out []byte) []byte {
	for len(in) > 0 {
		n := min(block, len(in))
		tr.Feed(in[:n])
		out, in = tr.Append(out[:0]), in[n:]
	}
	return tr.End(out[:0])
}

// BenchmarkTranslate reports the bytes of the input; the allocations are those
// of a whole listing of 10,000 lines.
func BenchmarkTranslate(b *testing.B) {
	for name, line := range benchLists {
		for style, to := range map[string]Style{"mlsd": MLSD, "list": LIST, "nlst": NLST} {
			b.Run(name+"_to_"+style, func(b *testing.B) {
				in := listingOf(10000, line)
				out := make([]byte, 0, 4*block)
				b.SetBytes(int64(len(in)))
				b.ReportAllocs()
				for b.Loop() {
					out = translateBlocks(NewTranslator(Options{To: to, Facts: AllFacts, Now: today}), in, out)
				}
			})
		}
	}
}

// Lines make no garbage: a listing of thousands costs the translator, and the
// line that each block begins and the next ends.
func TestLinesDoNotAllocate(t *testing.T) {
	const lines = 3000
	for name, line := range benchLists {
		in := listingOf(lines, line)
		out := make([]byte, 0, 4*block)
		allocs := testing.AllocsPerRun(3, func() {
			tr := NewTranslator(Options{Facts: AllFacts, Now: today})
			if out = translateBlocks(tr, in, out); tr.Counts().Entries != lines {
				t.Fatalf("%s: %+v", name, tr.Counts())
			}
		})
		if allocs > 20 {
			t.Errorf("%s: %v allocations for %d lines", name, allocs, lines)
		}
	}
}
