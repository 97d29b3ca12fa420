package rewrite

import "testing"

func BenchmarkApply(b *testing.B) {
	s := compile(b, rewriteTo("(.*)", "${users:$1|$1}@%a", on("%m", "^USER$")))
	for name, info := range map[string]Info{
		"another_verb": command("RETR", "some/long/path/of/a/file.txt"),
		"user":         command("USER", "Dave.Admin"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.Apply(info); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
