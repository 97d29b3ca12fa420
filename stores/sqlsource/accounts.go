package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/accounts"
)

// AccountsConfig is what a server's directives say about accounts in SQL.
// Whether they are asked at all (SQLEngine, AuthOrder) is for others to know.
type AccountsConfig struct {
	UserInfo     []string // SQLUserInfo; empty = users userid passwd uid gid homedir shell
	GroupInfo    []string // SQLGroupInfo; empty = groups groupname gid members
	AuthTypes    []string // SQLAuthTypes, in the order they are tried
	Authenticate []string // SQLAuthenticate; empty = on
	MinID        int64    // SQLMinID; 0 = 999, negative = none
	Limits       accounts.Limits
}

// What mod_sql takes for accounts without an ID of their own, or with one
// below SQLMinID.
const (
	defaultMinID = 999
	defaultID    = 65533
)

// Accounts is SQL as a member of AuthOrder.
type Accounts struct {
	user          question
	byID          question // group by gid; unused unless groups
	byMember      question
	groups        bool // SQLAuthenticate has groups
	authoritative bool
	minID         int64
	timeout       time.Duration
	passwords     passwords
}

var _ stores.Accounts = (*Accounts)(nil)

// Accounts prepares the look-up of accounts. Its errors are mistakes in the
// configuration.
func (d *Databases) Accounts(cfg AccountsConfig) (*Accounts, error) {
	a := &Accounts{minID: cfg.MinID, timeout: d.cfg.Timeout}
	if a.minID == 0 {
		a.minID = defaultMinID
	}
	users, err := a.scope(cfg.Authenticate)
	if err != nil {
		return nil, err
	}
	if !users {
		return nil, errors.New("SQLAuthenticate: users are switched off, so that SQL knows no accounts")
	}
	if a.passwords.kinds, err = passwordKinds(cfg.AuthTypes); err != nil {
		return nil, err
	}
	a.passwords.limits = cfg.Limits
	if a.user, err = d.userQuestion(cfg.UserInfo); err != nil {
		return nil, err
	}
	if !a.groups {
		return a, nil
	}
	a.byID, a.byMember, err = d.groupQuestions(cfg.GroupInfo)
	return a, err
}

// scope reads SQLAuthenticate. A "*" makes the answer final; userset and
// groupset are about listings, which nobody asks for here.
func (a *Accounts) scope(words []string) (users bool, err error) {
	if len(words) == 0 {
		words = []string{"on"}
	}
	for _, w := range words {
		word, final := strings.CutSuffix(strings.ToLower(w), "*")
		switch word {
		case "on":
			users, a.groups = true, true
		case "off":
		case "users":
			users, a.authoritative = true, final
		case "groups":
			a.groups = true
		case "userset", "usersetfast", "groupset", "groupsetfast":
		default:
			return false, fmt.Errorf("SQLAuthenticate: unknown word %q: expected on, off, users or groups", clip(w))
		}
	}
	return users, nil
}

// custom splits "custom:/query/query…".
func custom(info []string) (names []string, ok bool) {
	if len(info) != 1 {
		return nil, false
	}
	list, ok := strings.CutPrefix(info[0], "custom:/")
	return strings.Split(list, "/"), ok
}

const userColumns = 6

func (d *Databases) userQuestion(info []string) (question, error) {
	if names, ok := custom(info); ok {
		q, err := d.named(names[0], 1)
		if err != nil {
			return q, fmt.Errorf("SQLUserInfo: %w", err)
		}
		return q, nil
	}
	if len(info) == 0 {
		info = []string{"users", "userid", "passwd", "uid", "gid", "homedir", "shell"}
	}
	if len(info) != 1+userColumns {
		return question{}, fmt.Errorf("SQLUserInfo: %d words: expected table user password uid gid home shell, or custom:/query", len(info))
	}
	return d.question("SQLUserInfo", "", fmt.Sprintf("SELECT %s FROM %s WHERE (%s = %%{0}) LIMIT 1", strings.Join(info[1:], ", "), info[0], info[1]), 1)
}

// groupQuestions prepares the questions for a group by its number, and for
// the groups of a member. In the latter %{1} is the name as LIKE wants it:
// members is a list with commas, or one name a row.
func (d *Databases) groupQuestions(info []string) (byID, byMember question, err error) {
	if names, ok := custom(info); ok {
		if len(names) < 3 {
			return byID, byMember, errors.New("SQLGroupInfo: expected custom:/by-name/by-id/by-member, three named queries at least")
		}
		byID, err = d.named(names[1], 1)
		if err == nil {
			byMember, err = d.named(names[2], 1)
		}
		if err != nil {
			err = fmt.Errorf("SQLGroupInfo: %w", err)
		}
		return byID, byMember, err
	}
	if len(info) == 0 {
		info = []string{"groups", "groupname", "gid", "members"}
	}
	if len(info) != 4 {
		return byID, byMember, fmt.Errorf("SQLGroupInfo: %d words: expected table name gid members, or custom:/queries", len(info))
	}
	begin := fmt.Sprintf("SELECT %s FROM %s WHERE ", strings.Join(info[1:], ", "), info[0])
	if byID, err = d.question("SQLGroupInfo", "", begin+"("+info[2]+" = %{0}) LIMIT 1", 1); err != nil {
		return byID, byMember, err
	}
	conditions := []string{"(" + info[3] + " = %{0})"}
	for _, pattern := range []string{"%{1},%%", "%%,%{1}", "%%,%{1},%%"} {
		conditions = append(conditions, "("+info[3]+" LIKE '"+pattern+"' ESCAPE '!')")
	}
	byMember, err = d.question("SQLGroupInfo", "", begin+strings.Join(conditions, " OR "), 2)
	return byID, byMember, err
}

// String is the module's name in AuthOrder.
func (a *Accounts) String() string { return "mod_sql.c" }

// Authoritative tells whether SQLAuthenticate says users*: who is not known
// here is refused.
func (a *Accounts) Authoritative() bool { return a.authoritative }

// Lookup asks for an account and its groups, within the limit of one
// look-up. As many questions are put for a name that is not known.
func (a *Accounts) Lookup(ctx context.Context, q stores.AccountQuery) (stores.Account, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, a.timeout, fmt.Errorf("no answer within %v: %w", a.timeout, context.DeadlineExceeded))
	defer cancel()
	v := Values{Args: []string{q.Name}, User: q.Name, Client: q.Client, Vars: q.Vars}
	rows, _, err := a.user.ask(ctx, v)
	if errors.Is(err, errUnfit) {
		return stores.Account{}, fmt.Errorf("%w: %w", stores.ErrNoAccount, err)
	}
	if err != nil {
		return stores.Account{}, err
	}
	account := stores.Account{Name: q.Name, GID: defaultID}
	if len(rows) > 0 {
		if account, err = a.read(rows[0], q.Name); err != nil {
			return stores.Account{}, fmt.Errorf("%s: %w", a.user.name, err)
		}
	}
	if a.groups {
		if err := a.findGroups(ctx, v, &account); err != nil {
			return stores.Account{}, err
		}
	}
	if len(rows) == 0 {
		return stores.Account{}, stores.ErrNoAccount
	}
	return account, nil
}

// read makes an account of a row: user, password, uid, gid, home, shell.
func (a *Accounts) read(r row, asked string) (stores.Account, error) {
	if len(r) != userColumns {
		return stores.Account{}, fmt.Errorf("the answer has %d columns: expected user, password, uid, gid, home and shell", len(r))
	}
	account := stores.Account{Name: r[0].String, UID: a.id(r[2].String), GID: a.id(r[3].String), Home: r[4].String, Shell: r[5].String}
	if account.Name == "" {
		account.Name = asked
	}
	account.Group = strconv.FormatInt(account.GID, 10)
	account.Groups = []string{account.Group}
	account.Secret, account.Note = a.passwords.secret(r[1].String)
	return account, nil
}

// id reads a uid or gid. As with mod_sql, what is missing or too small
// becomes a number that means nobody.
func (a *Accounts) id(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 0 || n > 1<<32-1 || n < a.minID {
		return defaultID
	}
	return n
}

// findGroups names the account's groups.
func (a *Accounts) findGroups(ctx context.Context, v Values, account *stores.Account) error {
	v.User = account.Name
	v.Args = []string{strconv.FormatInt(account.GID, 10)}
	rows, _, err := a.byID.ask(ctx, v)
	if err != nil {
		return err
	}
	if len(rows) > 0 && rows[0][0].String != "" {
		account.Group = rows[0][0].String
	}
	v.Args = []string{account.Name, likeText(account.Name)}
	if rows, _, err = a.byMember.ask(ctx, v); err != nil {
		return err
	}
	account.Groups = []string{account.Group}
	for _, r := range rows {
		if name := r[0].String; name != "" && !slices.Contains(account.Groups, name) {
			account.Groups = append(account.Groups, name)
		}
	}
	return nil
}

// likeText makes a name stand for itself in LIKE … ESCAPE '!'.
func likeText(name string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(name)
}

// Decoy is verified for names that are not known.
func (a *Accounts) Decoy(name string) stores.Credential { return a.passwords.decoy(name) }
