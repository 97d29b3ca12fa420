package ftpsession

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/protocols/ftp"
)

// Likeness is what the backends of one server say to those who are not logged in
// (dialogue.Likeness). Its rules:
//
//   - A name is always answered in the words and with the times of the same backend,
//     as far as those are known, as a name with a backend is.
//   - Nobody is told what was said to one name only, where it is not known what that
//     is: words count once two names have heard them, their own name apart.
//   - What it remembers is bounded, and holds no password.
type Likeness struct {
	seed maphash.Seed

	mu    sync.Mutex
	heard map[string]words    // by command and reply
	ways  map[string][]*habit // by command
}

// words are what was said to a command, with a mark in place of the user's name.
type words struct {
	first  uint64 // who heard them first
	common bool   // somebody else did, too
}

// habit is one way in which a backend answers a command.
type habit struct {
	backend string
	reply   ftp.Reply // with its mark
	took    [habitTimes]time.Duration
	n       int // of all that were measured
}

const (
	habitTimes  = 32 // the latest that are remembered
	mostHabits  = 64 // by command; the first are as good as others
	mostHeard   = 1024
	longestText = 2048             // of a reply that is remembered
	longestTook = 20 * time.Second // more is waited for with nobody
)

// mark stands for the user's name. No line of a backend holds it.
const mark = "\x00"

// NewLikeness returns one that knows nothing yet.
func NewLikeness() *Likeness {
	return &Likeness{seed: maphash.MakeSeed(), heard: map[string]words{}, ways: map[string][]*habit{}}
}

// Saw implements dialogue.Likeness.
func (l *Likeness) Saw(backend, command, user string, r ftp.Reply, took time.Duration) {
	if len(r.Text) > longestText || user == "" {
		return
	}
	r.Text = replaceWord(r.Text, user, mark)
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.common(command, user, r) {
		return
	}
	all := l.ways[command]
	at := slices.IndexFunc(all, func(h *habit) bool { return h.backend == backend && h.reply == r })
	if at < 0 {
		if at = len(all); at >= mostHabits {
			return
		}
		all = append(all, &habit{backend: backend, reply: r})
		l.ways[command] = all
	}
	h := all[at]
	h.took[h.n%habitTimes] = min(max(took, 0), longestTook)
	h.n++
}

// common notes that a name has heard a reply, and reports whether others did.
func (l *Likeness) common(command, user string, r ftp.Reply) bool {
	key := command + mark + strconv.Itoa(r.Code) + mark + r.Text
	who := maphash.String(l.seed, user)
	w, there := l.heard[key]
	if !there {
		if len(l.heard) >= mostHeard {
			l.forget()
		}
		l.heard[key] = words{first: who}
		return false
	}
	if w.first != who {
		w.common = true
		l.heard[key] = w
	}
	return w.common
}

// forget makes room: what one name has heard goes before what is common.
func (l *Likeness) forget() {
	victim := ""
	for key, w := range l.heard {
		if victim = key; !w.common {
			break
		}
	}
	delete(l.heard, victim)
}

// Like implements dialogue.Likeness.
func (l *Likeness) Like(command, user string) (ftp.Reply, time.Duration, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var like *habit
	var highest uint64
	for _, h := range l.ways[command] {
		// The backend of a name is the one that goes with it best, whichever others
		// are there, and for all commands the same. What it says most is said.
		if fit := maphash.String(l.seed, user+mark+h.backend); like == nil || fit > highest || fit == highest && h.n > like.n {
			like, highest = h, fit
		}
	}
	if like == nil {
		return ftp.Reply{}, 0, false
	}
	r := like.reply
	r.Text = strings.ReplaceAll(r.Text, mark, printed(user))
	return r, like.took[rand.IntN(min(like.n, habitTimes))], true
}

// printed is a name as a line can hold it.
func printed(user string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, user)
}

// replaceWord replaces a word where it stands by itself.
func replaceWord(text, word, by string) string {
	var out strings.Builder
	done := 0
	for from := 0; ; {
		at := strings.Index(text[from:], word)
		if at < 0 {
			return out.String() + text[done:]
		}
		at += from
		end := at + len(word)
		if from = end; at > 0 && inWord(text[at-1]) || end < len(text) && inWord(text[end]) {
			continue
		}
		out.WriteString(text[done:at] + by)
		done = end
	}
}

func inWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
