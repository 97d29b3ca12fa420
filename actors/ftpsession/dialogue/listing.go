package dialogue

import (
	"slices"
	"strings"

	"github.com/sluice-gateway/sluice/protocols/ftp"
	"github.com/sluice-gateway/sluice/protocols/listing"
)

// Directory lists may be asked for in one form and given in another
// (ProxyDirectoryListPolicy). What is asked first may be refused for its form
// alone, by a backend that knows no options of LIST, or no MLSD; then it is asked
// once more in a plainer way, over the same data connections.

// ListPolicy is ProxyDirectoryListPolicy.
type ListPolicy uint8

// The directory list policies.
const (
	ListAsAsked ListPolicy = iota
	ListByLIST             // MLSD is asked for as LIST
	ListByMLSD             // LIST and NLST are asked for as MLSD
)

// Listings says how backends are asked for directory lists.
type Listings struct {
	Policy   ListPolicy
	UseSlink bool          // a translated MLSD shows where links lead
	Choice   listing.Facts // what it can show (FactsOptions NoNames)
	Facts    listing.Facts // what it shows until the client says OPTS MLST (FactsDefault)
}

// lists is what became known of directory lists in this session.
type lists struct {
	facts  listing.Facts // what the client chose
	chosen bool
	// Of the backend:
	takesFlags bool // LIST with options went well
	showsSelf  bool // … and told of the directory itself
	misreads   bool // … but not of one with blanks or the like in its name
	noFlags    bool // … was refused, and went well without
	noMLSD     bool // MLSD is not understood
}

// second is how a listing is asked for when the first way was refused.
type second struct {
	cmd     ftp.Command // no verb: there is no other way
	asIs    bool        // its answer is not translated
	refusal ftp.Reply   // of the first way, once that was refused
	flagged bool        // the first way had options
	listed  int         // directories that told of themselves
	within  bool        // it is of where the backend is on a visit
}

// translates reports the policy in force. Data that does not pass through us
// cannot be translated.
func (m *Machine) translates() ListPolicy {
	if m.cfg.Direct.On {
		return ListAsAsked
	}
	return m.cfg.Listings.Policy
}

// facts are those that a translated MLSD shows.
func (m *Machine) facts() listing.Facts {
	if m.lists.chosen {
		return m.lists.facts
	}
	return m.cfg.Listings.Facts & m.cfg.Listings.Choice
}

// wireCommand is what the backend is asked in place of a client's command, what
// becomes of the answer, and how to ask else. A listing whose command would be
// too long in another form stays as it is.
func (m *Machine) wireCommand(c ftp.Command) (ftp.Command, Shape, second) {
	switch policy := m.translates(); {
	case policy == ListByLIST && c.Verb == ftp.MLSD:
		return m.listForMLSD(c)
	case policy == ListByMLSD && (c.Verb == ftp.LIST || c.Verb == ftp.NLST):
		return m.mlsdForList(c)
	}
	return c, Shape{}, second{}
}

func (m *Machine) listForMLSD(c ftp.Command) (ftp.Command, Shape, second) {
	plain := listCommand("", c.Arg)
	flagged := listCommand(m.facts().ListFlags(), c.Arg)
	shape := Shape{Translate: MLSDFromList, Listing: listing.Options{
		To: listing.MLSD, Now: m.today(), Facts: m.facts(), UseSlink: m.cfg.Listings.UseSlink}}
	switch {
	case !fits(plain):
		return c, Shape{}, second{}
	case m.lists.noFlags, !fits(flagged):
		return plain, shape, second{}
	case m.lists.takesFlags:
		return flagged, shape, second{flagged: true}
	}
	return flagged, shape, second{flagged: true, cmd: plain}
}

// today is the time for dates without a year, and for those shown without.
func (m *Machine) today() listing.Date { return listing.Unix(m.now.Unix()) }

// unmistakable is a path that no backend takes for an option, nor its first blanks for
// those in front of it.
func unmistakable(path string) string {
	if path != "" && (path[0] == '-' || path[0] == ' ') {
		return "./" + path
	}
	return path
}

// listCommand asks for the list of a path.
func listCommand(flags, path string) ftp.Command {
	path = unmistakable(path)
	arg := path
	switch {
	case path == "":
		arg = flags
	case flags != "":
		arg = flags + " " + path
	}
	return ftp.Command{Verb: ftp.LIST, Arg: arg, HasArg: arg != ""}
}

func fits(c ftp.Command) bool { return len(c.Verb)+1+len(c.Arg) <= ftp.MaxCommandLine }

// mlsdForList leaves to the backend what MLSD has no words for.
func (m *Machine) mlsdForList(c ftp.Command) (ftp.Command, Shape, second) {
	all, path, plain := listOptions(c)
	if !plain || m.lists.noMLSD || !m.back.features.Has(ftp.MLST) {
		return c, Shape{}, second{}
	}
	shape := Shape{Translate: ListFromMLSD, Listing: listing.Options{
		To: listing.LIST, From: listing.FamilyMLSD, Now: m.today(), All: all}}
	if c.Verb == ftp.NLST {
		shape.Translate, shape.Listing.To = NamesFromMLSD, listing.NLST
		shape.Listing.Prefix = pathPrefix(path)
	}
	return ftp.Command{Verb: ftp.MLSD, Arg: path, HasArg: path != ""}, shape, second{cmd: c, asIs: true}
}

// listOptions divides the argument of LIST or NLST into options and path. It is
// not plain when an option changes what is listed, or when the path has wildcards.
func listOptions(c ftp.Command) (all bool, path string, plain bool) {
	path = c.Arg
	for {
		word, rest, more := strings.Cut(strings.TrimLeft(path, " "), " ")
		if !strings.HasPrefix(word, "-") {
			return all, path, !strings.ContainsAny(path, "*?[{")
		}
		if len(word) == 1 || strings.Trim(word[1:], harmlessOptions) != "" || c.Verb == ftp.NLST && strings.Contains(word, "l") {
			return false, "", false
		}
		all = all || strings.Contains(word, "a")
		if path = rest; !more {
			path = ""
		}
	}
}

// harmlessOptions are those of ls that choose columns, an order or how names are
// written, or that show all.
const harmlessOptions = "1aAbBcCfFghGiklLmnNopqQrsStuUvxXZ"

// pathPrefix makes paths of the names in another directory.
func pathPrefix(dir string) string {
	switch {
	case dir == "", dir == ".", dir == "./":
		return ""
	case strings.HasSuffix(dir, "/"):
		return dir
	}
	return dir + "/"
}

// lookAt finds out more about what is to be listed, where LIST and MLSD differ in what
// a path may be.
func (m *Machine) lookAt(p *preparation) {
	l := &m.lists
	switch {
	case p.shape.Translate == MLSDFromList && ambiguous(p.cmd.Arg) && (l.misreads || !l.showsSelf):
		m.listFromWithin(p)
	case p.second.asIs && p.wire.Arg != "":
		m.tellFromFile(p)
	default:
		m.prepare(p)
	}
}

// tellFromFile has MLSD asked for directories only. To be refused first would cost the
// data connection at some backends.
func (m *Machine) tellFromFile(p *preparation) {
	m.ask(ftp.Command{Verb: ftp.MLST, Arg: p.wire.Arg, HasArg: true}, func(m *Machine, r ftp.Reply) {
		if !isDirectory(r) {
			p.wire, p.shape, p.second = p.cmd, Shape{}, second{}
		}
		m.prepare(p)
	})
}

// isDirectory reads the answer to MLST (RFC 3659 §7.2).
func isDirectory(r ftp.Reply) bool {
	lines := r.Lines()
	if !r.Positive() || len(lines) < 2 {
		return false
	}
	for _, line := range lines[1:] {
		facts, _, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
		for fact := range strings.SplitSeq(strings.ToLower(facts), ";") {
			switch fact {
			case "type=dir", "type=cdir", "type=pdir":
				return true
			}
		}
	}
	return false
}

// askElse asks for a listing in its second way, once the first was refused.
func (m *Machine) askElse(r ftp.Reply) bool {
	t := m.xfer
	s := &t.second
	if s.cmd.Verb == "" || s.refusal.Code != 0 || t.proceeding || t.broken || t.finished || t.asides > 0 || !refusesForm(r) {
		return false
	}
	s.refusal = r
	m.do(Note{Level: Debug, Text: "backend refused the listing, asking in another way", Command: s.cmd, Reply: r})
	if s.asIs {
		m.lists.noMLSD = r.Code == 500 || r.Code == 502
		m.do(ListingAsIs{})
	}
	m.do(SendBackend{s.cmd})
	return true
}

// refusesForm reports a refusal that may mean the form of what was asked: an
// option may have been taken for a name.
func refusesForm(r ftp.Reply) bool {
	switch r.Code {
	case 450, 500, 501, 502, 504, 550, 553:
		return true
	}
	return false
}

// lastWord takes the backend's final reply to a listing. It notes which form the
// backend knows, and of two refusals it gives the one that tells the client more:
// after a first one the second may only mean that the data connection was lost by it.
func (m *Machine) lastWord(r ftp.Reply) ftp.Reply {
	s := &m.xfer.second
	first := s.refusal
	switch {
	case s.cmd.Verb == "":
	case r.Positive() && !s.asIs:
		m.lists.takesFlags, m.lists.noFlags = first.Code == 0, first.Code != 0
	case first.Code == 450 || first.Code == 550 || first.Code == 553:
		if r.Code == 425 || r.Code == 426 || r.Code == 503 {
			return first
		}
	}
	return r
}

// optsMLST has the client choose its facts (RFC 3659 §7.9). The answer speaks of
// what MLSD will show; where the gateway makes that itself, the backend is told
// for the sake of MLST, and what it thinks of it changes nothing.
func (m *Machine) optsMLST(c ftp.Command) {
	_, arg, _ := strings.Cut(c.Arg, " ")
	known := m.back.features.Has(ftp.MLST) || m.back.features.Len() == 0
	switch m.translates() {
	case ListByLIST:
		m.lists.facts, m.lists.chosen = listing.ParseFacts(arg)&m.cfg.Listings.Choice, true
		chosen := ftp.NewReply(200, strings.TrimRight("MLST OPTS "+m.lists.facts.String(), " "))
		if !known {
			m.answer(chosen)
			return
		}
		m.ask(c, func(m *Machine, r ftp.Reply) {
			m.do(Note{Level: Debug, Text: "backend's answer to OPTS MLST", Reply: r})
			m.answer(chosen)
		})
	case ListByMLSD:
		m.relay(m.withOurFacts(c, arg))
	default:
		m.relay(c)
	}
}

// withOurFacts adds those facts that LIST is made of; a client has to ignore what
// it did not ask for.
func (m *Machine) withOurFacts(c ftp.Command, chosen string) ftp.Command {
	offered, _ := m.back.features.Params(ftp.MLST)
	have := strings.Split(strings.ToLower(chosen), ";")
	wide := c
	if chosen == "" {
		wide.Arg = strings.TrimRight(c.Arg, " ") + " "
	} else if !strings.HasSuffix(chosen, ";") {
		return c
	}
	for fact := range strings.SplitSeq(offered, ";") {
		fact = strings.Trim(fact, " *")
		if listing.FactsNamed([]string{fact}) != 0 && !slices.Contains(have, strings.ToLower(fact)) {
			wide.Arg += fact + ";"
		}
	}
	if !fits(wide) {
		return c
	}
	return wide
}

// mlstFacts is the parameter of MLST in FEAT; ok is false when only the backend
// could say.
func (m *Machine) mlstFacts() (facts string, ok bool) {
	if m.translates() == ListByLIST {
		return m.facts().Feature(m.cfg.Listings.Choice), true
	}
	return m.back.features.Params(ftp.MLST)
}

// withFacts puts what is true of MLSD into a backend's answer to FEAT, where the
// gateway makes it.
func (m *Machine) withFacts(r ftp.Reply) ftp.Reply {
	lines := strings.Split(r.Text, "\n")
	if m.translates() != ListByLIST || !r.Positive() || len(lines) < 2 {
		return r
	}
	facts, _ := m.mlstFacts()
	lines = slices.DeleteFunc(lines, func(line string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(strings.TrimPrefix(line, "211-"), " \t"), " ")
		return strings.EqualFold(name, ftp.MLST)
	})
	r.Text = strings.Join(slices.Insert(lines, len(lines)-1, " MLST "+facts), "\n")
	return r
}
