package ftp

import (
	"fmt"
	"strings"
	"testing"
)

func BenchmarkCommandDecode(b *testing.B) {
	for _, in := range []string{"PWD\r\n", "RETR some/file/name.txt\r\n", "CWD a\xff\xffb\r\n", strings.Repeat("NOOP\r\n", 100)} {
		b.Run(fmt.Sprintf("%.8q/%dB", in, len(in)), func(b *testing.B) {
			var d CommandDecoder
			raw := []byte(in)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				d.Feed(raw)
				for {
					if _, ok, _ := d.Next(); !ok {
						break
					}
				}
			}
		})
	}
}

// The time per byte must not grow with the line: what came before is not read again.
func BenchmarkCommandDecodeBytewise(b *testing.B) {
	for _, size := range []int{64, 512, 4000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			var d CommandDecoder
			raw := []byte("CWD " + strings.Repeat("x", size-6) + "\r\n")
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				for i := range raw {
					d.Feed(raw[i : i+1])
					d.Next()
				}
			}
		})
	}
}

func BenchmarkCommandAppend(b *testing.B) {
	c := Command{Verb: RETR, Arg: "some/file/name.txt", HasArg: true}
	out := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		out, _ = c.Append(out[:0])
	}
}

func BenchmarkReplyDecode(b *testing.B) {
	for _, lines := range []int{1, 20, 1000} {
		b.Run(fmt.Sprintf("%dlines", lines), func(b *testing.B) {
			var d ReplyDecoder
			raw := NewReply(211, strings.Split(strings.Repeat(" a line of middling length\n", lines), "\n")[:lines]...).Append(nil)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				d.Feed(raw)
				if _, ok, err := d.Next(); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func BenchmarkReplyAppend(b *testing.B) {
	r := NewReply(226, "Transfer complete")
	out := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		out = r.Append(out[:0])
	}
}

func BenchmarkParsePASVReply(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePASVReply("Entering Passive Mode (192,0,2,1,4,1)."); err != nil {
			b.Fatal(err)
		}
	}
}
