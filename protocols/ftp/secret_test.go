package ftp

import "testing"

func TestDiscreet(t *testing.T) {
	cases := []struct{ name, text, secret, want string }{
		{"a_repeated_secret_is_hidden", "no s3cr3t here, s3cr3t", "s3cr3t", "no (hidden) here, (hidden)"},
		{"none_is_none", "Login incorrect.", "", "Login incorrect."},
		{"a_tiny_one_is_left_alone", "Login incorrect.", "in", "Login incorrect."},
		{"others_stay", "Login incorrect.", "s3cr3t", "Login incorrect."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := Discreet(NewReply(530, c.text), c.secret); got.Text != c.want || got.Code != 530 {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}
