package ftpsession

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/actors/ftpsession/dialogue"
	"github.com/sluice-gateway/sluice/messages"
)

// Who has logged in goes on with the setup for it, the dialogue and the session
// together: its rules count, and the log says so from its login on.
func TestLater_takes_over_at_the_login(t *testing.T) {
	for _, c := range []struct {
		user, group, server, list string
	}{
		{"ann", "staff", "of the staff", "550 LIST: Operation not permitted"},
		{"joe", "others", "of all", ""},
	} {
		t.Run(c.user, func(t *testing.T) {
			var h heard
			r := newRig(t, picking(serve(t, h.on()).addr()))
			r.setup.Server, r.setup.Dialogue.Selection = "of all", dialogue.AtPass
			r.check(func(_ int, m messages.CheckLogin) {
				m.Reply <- messages.LoginChecked{Granted: true, User: m.User, Group: c.group, Groups: []string{c.group}}
			})
			own := *r.setup
			own.Server, own.Of = "of the staff", r.setup
			own.Dialogue.Rules = &dialogue.Rules{Refuses: func(command string, by dialogue.Caller) string {
				if command == "LIST" && by.User == "ann" && len(by.Groups) == 1 {
					return "<Limit> at conf:7"
				}
				return ""
			}}
			r.setup.Later = func(by dialogue.Caller) *Setup {
				if by.Groups[0] == "staff" {
					return &own
				}
				return nil
			}
			r.setup.Dialogue.Rules = &dialogue.Rules{Later: func(by dialogue.Caller) *dialogue.Config {
				if next := r.setup.Later(by); next != nil {
					return &next.Dialogue
				}
				return nil
			}}
			r.start()
			r.hear("220 ")
			r.say("LIST", "530 Access denied") // anybody's rules do not know of it
			r.say("USER "+c.user, "331 ")
			r.say("PASS "+canary, "230 ")
			if c.list != "" {
				r.say("LIST", c.list)
			}
			r.say("PWD", "2")
			r.quit()
			if logs := r.logs.String(); !strings.Contains(logs, `"server":"`+c.server+`"`) {
				t.Errorf("the log does not name the server %q:\n%s", c.server, logs)
			} else if strings.Contains(logs, "refused by <Limit> at conf:7") != (c.user == "ann") {
				t.Errorf("the log of %s:\n%s", c.user, logs)
			}
		})
	}
}
