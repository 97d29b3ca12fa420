package config

import "testing"

// BenchmarkJudge is what <Limit> sections cost each command of a session.
func BenchmarkJudge(b *testing.B) {
	c, r := loadText("<Limit WRITE>\nDenyUser eve\n</Limit>\n<Limit LIST NLST MLSD>\nDenyGroup staff\n</Limit>\n<Limit ALL>\nAllow from 10.0.0.0/8\n</Limit>", nil)
	if c == nil {
		b.Fatal(describe(r))
	}
	access := &c.Servers[0].Settings("").Access
	for name, command := range map[string]string{"named": "LIST", "group": "STOR", "all": "PWD"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			who := Client{User: "joe", Groups: []string{"authors", "others"}}
			for b.Loop() {
				if access.Judge(command, who).Denied {
					b.Fatal("denied")
				}
			}
		})
	}
}
