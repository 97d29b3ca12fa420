package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sluice-gateway/sluice/"

// law says which rooms of the house a room may import from, tests apart.
// Imports run downwards only: cmd → actors/gateway → actors → messages →
// protocols, actors → runtime and stores, both → values of protocols.
type law struct {
	room   string   // prefix of the importing packages
	except []string // packages of the room that another law speaks of
	may    []string // prefixes of what they may import of this module
	why    string
}

var laws = []law{
	{room: "protocols", may: []string{"protocols"},
		why: "codecs are pure: they know no actors, no sockets, no stores"},
	{room: "messages", may: []string{"protocols"},
		why: "messages are plain values"},
	{room: "runtime", may: []string{"runtime", "protocols"},
		why: "the ground knows nobody who stands on it"},
	{room: "stores", may: []string{"stores", "protocols"},
		why: "stores remember, they do not decide"},
	{room: "actors", except: []string{"actors/gateway", "actors/ftpsession", "actors/reception", "actors/data", "actors/policy", "actors/health", "actors/outbox", "actors/vault", "actors/warden"}, may: []string{"messages", "protocols", "runtime", "=stores"},
		why: "siblings meet through messages, and only the root names an implementation of a store"},
	{room: "actors/policy", except: []string{"actors/policy/choice"}, may: []string{"messages", "protocols", "runtime", "=stores", "=actors/policy/choice"},
		why: "the actor around the choice knows an interface of stores, and no sibling"},
	{room: "actors/policy/choice", may: []string{"messages", "protocols"},
		why: "choosing is pure: no stores, no mailboxes"},
	{room: "actors/outbox", may: []string{"runtime", "=stores"},
		why: "an outbox is a part of one actor, and knows nobody but the store"},
	{room: "actors/vault", may: []string{"messages", "protocols", "runtime", "=stores", "=actors/outbox"},
		why: "an actor that keeps things writes them by its outbox, and knows no sibling"},
	{room: "actors/warden", may: []string{"messages", "protocols", "runtime", "=stores", "=actors/outbox"},
		why: "an actor that keeps things writes them by its outbox, and knows no sibling"},
	{room: "actors/health", except: []string{"actors/health/standing"}, may: []string{"messages", "protocols", "runtime", "=stores", "=actors/health/standing", "=actors/outbox"},
		why: "the actor around the standing knows an interface of stores, and no sibling"},
	{room: "actors/health/standing", may: []string{"messages", "protocols"},
		why: "a standing is pure: no stores, no mailboxes"},
	{room: "actors/data", may: []string{"messages", "protocols", "runtime", "=actors/stage"},
		why: "a data channel copies through the stages of its connections"},
	{room: "actors/ftpsession", may: []string{"messages", "protocols", "runtime", "actors/ftpsession", "actors/frontend", "actors/backend", "actors/data", "actors/stage"},
		why: "a session imports the children it builds"},
	{room: "actors/reception", may: []string{"messages", "protocols", "runtime", "=actors/ftpsession"},
		why: "the reception imports the sessions it builds"},
	{room: "actors/gateway", may: []string{"messages", "protocols", "runtime", "stores", "actors"},
		why: "the root assembles the tree, and nothing above it"},
	{room: "cmd", may: []string{"=actors/gateway", "=actors/embedded", "runtime", "protocols"},
		why: "the door opens the house and does not live in it"},
	{room: "bench", may: []string{"bench", "protocols"},
		why: "the proving ground talks to a gateway over sockets only"},
}

// pure lists what the codecs must not import of the standard library.
var pure = map[string]string{
	"net":          "codecs know no sockets (net/netip is a value)",
	"os":           "codecs know no files",
	"sync":         "codecs know no locks",
	"time":         "codecs know no clock",
	"context":      "codecs do not wait",
	"log":          "codecs do not log",
	"math/rand":    "codecs are deterministic",
	"math/rand/v2": "codecs are deterministic",
}

// vocabulary are packages that do I/O but also name values; a codec may import
// one for its constants and parsed values, if the entry says so.
var vocabulary = map[string]struct {
	room string
	why  string
}{
	"crypto/tls":  {"protocols/tlspolicy", "numbers of versions, suites and curves are TLS policy, and no other codec's business"},
	"crypto/x509": {"protocols/tlspolicy", "certificates are looked at by TLS policy only"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 20 {
		t.Fatalf("go list found %d packages, which cannot be all", len(all))
	}
	return all
}

func within(path, prefix string) bool {
	if exact, ok := strings.CutPrefix(prefix, "="); ok {
		return path == exact
	}
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func allows(l law, path string) bool {
	return slices.ContainsFunc(l.may, func(p string) bool { return within(path, p) })
}

func lawFor(path string) (law, bool) {
	i := slices.IndexFunc(laws, func(l law) bool {
		return within(path, l.room) && !slices.ContainsFunc(l.except, func(e string) bool { return within(path, e) })
	})
	if i < 0 {
		return law{}, false
	}
	return laws[i], true
}

func TestImportsRunDownwards(t *testing.T) {
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, module)
		l, ok := lawFor(room)
		if !ok {
			t.Errorf("%s is in no room of the house", room)
			continue
		}
		for _, imported := range p.Imports {
			path, ours := strings.CutPrefix(imported, module)
			if ours && !allows(l, path) {
				t.Errorf("%s imports %s: %s", room, path, l.why)
			}
			if why, no := pure[imported]; no && within(room, "protocols") {
				t.Errorf("%s imports %s: %s", room, imported, why)
			}
			if v, known := vocabulary[imported]; known && within(room, "protocols") && room != v.room {
				t.Errorf("%s imports %s: %s", room, imported, v.why)
			}
			if imported == "net" && within(room, "actors/ftpsession/dialogue") {
				t.Errorf("%s imports net: the dialogue is a pure state machine", room)
			}
		}
	}
}

// The law itself must be able to fail.
func TestLawRefusesTheWrongWay(t *testing.T) {
	for _, tt := range []struct{ from, to string }{
		{"runtime/config", "actors/policy"},
		{"protocols/ftp", "runtime/mailbox"},
		{"messages", "actors/data"},
		{"actors/data", "actors/frontend"},
		{"actors/policy", "stores/badger"},
		{"actors/outbox", "messages"},
		{"actors/outbox", "actors/vault"},
		{"actors/vault", "actors/warden"},
		{"stores/badger", "messages"},
		{"bench/load", "actors/gateway"},
		{"cmd/sluice", "stores/badger"},
	} {
		l, ok := lawFor(tt.from)
		if !ok || allows(l, tt.to) {
			t.Errorf("%s may import %s", tt.from, tt.to)
		}
	}
	if _, ok := lawFor("util"); ok {
		t.Error("a room outside the house has a law")
	}
}

// What is imported for its values must not be put to work.
func TestTLSPolicyOpensNothing(t *testing.T) {
	const room = "../../protocols/tlspolicy"
	atWork := []string{"Client", "Server", "Dial", "DialWithDialer", "Dialer", "Listen", "NewListener", "LoadX509KeyPair", "SystemCertPool"}
	names, err := filepath.Glob(room + "/*.go")
	if err != nil || len(names) < 5 {
		t.Fatalf("found %v, %v", names, err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && (pkg.Name == "tls" || pkg.Name == "x509") && slices.Contains(atWork, sel.Sel.Name) {
				t.Errorf("%s uses %s.%s: codecs know no sockets and no files", name, pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

// Goroutines have an owner that waits for them: only runtime/supervise says go.
func TestNoBareGo(t *testing.T) {
	const root = "../.."
	found := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		room, err := filepath.Rel(root, path)
		if err != nil || within(room, "runtime/supervise") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		found++
		ast.Inspect(file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s: a bare go statement at offset %d; use runtime/supervise", room, g.Go)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 50 {
		t.Fatalf("looked at %d files only", found)
	}
}
