package listing

// Family is a form of directory list.
type Family uint8

// The families. FamilyUnknown lasts until a line is recognised.
const (
	FamilyUnknown   Family = iota
	FamilyUnix             // ls -l and what imitates it
	FamilyDOS              // dir of DOS and Windows, IIS
	FamilyEPLF             // the easily parsed list format
	FamilyVMS              // DIRECTORY of OpenVMS
	FamilyOS400            // IBM i
	FamilyOS2              // DIR of OS/2
	FamilyMVS              // z/OS: datasets
	FamilyMembers          // z/OS: members of a partitioned dataset
	FamilyNetWare          // NetWare with its rights in brackets
	FamilyCMS              // z/VM
	FamilyGuardian         // NonStop
	FamilyMLSD             // RFC 3659 §7
	familiesOfLists        // how many there are
)

var familyNames = [...]string{"unknown", "Unix", "DOS", "EPLF", "VMS", "OS/400", "OS/2", "MVS", "MVS members", "NetWare", "CMS", "Guardian", "MLSD"}

// String is the family's name for logs.
func (f Family) String() string {
	if f >= familiesOfLists {
		f = FamilyUnknown
	}
	return familyNames[f]
}

// Parser reads the lines of one listing. The zero value is ready for a listing
// of any family; set Now, or dates without a year are left out.
type Parser struct {
	Now Date // when the listing was made, in UTC

	family  Family
	pending []byte // VMS: a name whose columns come on the next line
	load    bool   // MVS: the members are load modules, which have no dates
	mac     bool   // Unix: the columns before the size are not links and owners
}

// NewParser reads a listing known to be of one family; FamilyUnknown means that
// the listing shows it.
func NewParser(family Family, now Date) Parser { return Parser{Now: now, family: family} }

// Family is what the listing turned out to be.
func (p *Parser) Family() Family { return p.family }

// Parse reads one line without its end. ok is false for headings, sums and what
// is not understood. The entry points into line, or into the parser's memory
// until the next call.
func (p *Parser) Parse(line []byte) (e Entry, ok bool) {
	if p.family == FamilyUnknown {
		e, ok = p.detect(line)
	} else {
		e, ok = p.parse(p.family, line)
	}
	return e, ok && e.settle()
}

// detection is the order in which families are asked: those whose lines nobody
// else's parser takes come first.
var detection = [...]Family{FamilyEPLF, FamilyUnix, FamilyNetWare, FamilyDOS, FamilyOS400, FamilyOS2, FamilyCMS, FamilyMLSD, FamilyVMS}

// detect finds the family by a heading or by the first line that a parser takes.
// A line that begins with a date, so with 0 or 1, is DOS's.
func (p *Parser) detect(line []byte) (e Entry, ok bool) {
	if p.family = headingOf(line); p.family != FamilyUnknown {
		return p.parse(p.family, line)
	}
	for _, f := range detection {
		if f == FamilyMLSD && len(line) > 0 && isBlank(line[0]) {
			continue // a name without facts, or anything else
		}
		if e, ok = p.parse(f, line); ok || f == FamilyVMS && p.pending != nil {
			p.family = f
			return e, ok
		}
	}
	return Entry{}, false
}

func headingOf(line []byte) Family {
	switch {
	case isDatasetHeading(line):
		return FamilyMVS
	case isMemberHeading(line):
		return FamilyMembers
	case isVMSHeading(line):
		return FamilyVMS
	case isGuardianHeading(line):
		return FamilyGuardian
	}
	return FamilyUnknown
}

func (p *Parser) parse(f Family, line []byte) (Entry, bool) {
	switch f {
	case FamilyUnix:
		return p.unix(line)
	case FamilyDOS:
		return dos(line)
	case FamilyEPLF:
		return eplf(line)
	case FamilyVMS:
		return p.vms(line)
	case FamilyOS400:
		return os400(line)
	case FamilyOS2:
		return os2(line)
	case FamilyMVS:
		return mvsDataset(line)
	case FamilyMembers:
		return p.mvsMember(line)
	case FamilyNetWare:
		return p.netware(line)
	case FamilyCMS:
		return cms(line)
	case FamilyGuardian:
		return guardian(line)
	case FamilyMLSD:
		return mlsd(line)
	}
	return Entry{}, false
}
