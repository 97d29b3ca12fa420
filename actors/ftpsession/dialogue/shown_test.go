package dialogue

import (
	"fmt"
	"strings"

	"github.com/sluice-gateway/sluice/messages"
)

func shownAll(did []Action) []string {
	var out []string
	for _, a := range did {
		switch a.(type) {
		case Resume, Note, Misdeed, CalledAs:
		default:
			out = append(out, shown(a))
		}
	}
	return out
}

// shown writes an action as scripts do.
func shown(a Action) string {
	switch a := a.(type) {
	case PickBackend:
		words := []string{"pick"}
		if a.User != "" {
			words = append(words, "for "+a.User)
		}
		if a.Group != "" {
			words = append(words, "of "+a.Group)
		}
		return strings.Join(append(words, a.Tried...), " ")
	case ResolveDestination:
		return "resolve " + a.To.Canonical() + " for " + a.To.User
	case DialBackend:
		if a.Implicit {
			return fmt.Sprintf("dial %d %s in TLS", a.Attempt, a.Backend.URL.Host)
		}
		return fmt.Sprintf("dial %d %s", a.Attempt, a.Backend.URL.Host)
	case DropBackend:
		return "drop backend"
	case ReportConnected:
		return "report connected"
	case ReportFailed:
		return "report failed"
	case ReportLost:
		return "report lost"
	case SendClient:
		return ">C " + oneLine(a.Reply.Append(nil))
	case SendBackend:
		b, err := a.Command.Append(nil)
		if err != nil {
			return ">B unwritable: " + err.Error()
		}
		return ">B " + oneLine(b)
	case SendAbort:
		return ">B urgent ABOR"
	case SecureClient, ClearClient, HoldBackend, SecureBackend, FreeBackend, ReturnLease:
		return plainActions[fmt.Sprintf("%T", a)]
	case SwitchServer:
		return "switch to " + a.Name
	case RecordTransfer:
		what := fmt.Sprintf("record %s %s %c %t", a.Verb, a.Path, a.Type, a.Complete)
		if a.TLS {
			what += " ftps"
		}
		return what
	case AskLogin:
		return "ask login " + a.User
	case CheckLogin:
		return oneLine([]byte("check " + a.User + " " + a.Password))
	case LoggedIn:
		return "logged in " + a.User
	case Identified:
		return strings.Join(append([]string{"identified", a.By.User}, a.By.Groups...), " ")
	case End:
		return "end: " + a.Reason
	}
	return shownData(a)
}

// shownData writes the actions around data connections.
func shownData(a Action) string {
	switch a := a.(type) {
	case Listen:
		side := "front"
		if a.Side == messages.BackSide {
			side = "back"
		}
		if a.IPv6 {
			side += " IPv6"
		}
		return "listen " + side
	case DropOffers:
		return "drop offers"
	case StartData:
		way := "down"
		if a.Upload {
			way = "up"
		}
		return fmt.Sprintf("start %s front=%s back=%s", way, legShown(a.Front), legShown(a.Back)) + listingShown(a.Shape) + shapeShown(a.Shape)
	case ListingAsIs:
		return "as it is"
	case ProceedData:
		return "proceed"
	case SettleData:
		if a.Clean {
			return "settle clean"
		}
		return "settle broken"
	case AbortData:
		return "abort data"
	}
	return fmt.Sprintf("%T", a)
}

func legShown(l Leg) string {
	how := l.Addr.String()
	if l.Listen {
		how = "listen"
	}
	if l.TLS {
		how += "+TLS"
	}
	return how
}

func oneLine(b []byte) string {
	s := strings.TrimSuffix(string(b), "\r\n")
	if strings.HasSuffix(s, " ") {
		s = s[:len(s)-1] + "␣"
	}
	return strings.ReplaceAll(s, "\r\n", "↵")
}

// plainActions are those without anything more to tell.
var plainActions = map[string]string{
	"dialogue.SecureClient": "secure client", "dialogue.ClearClient": "clear client",
	"dialogue.HoldBackend": "hold backend", "dialogue.SecureBackend": "secure backend", "dialogue.FreeBackend": "free backend",
	"dialogue.ReturnLease": "return lease",
}
