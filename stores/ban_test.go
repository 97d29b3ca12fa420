package stores_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/stores"
)

var bans = map[string]stores.Ban{
	"for_ever": {Since: time.UnixMilli(1_790_000_000_123)},
	"usual": {Since: time.UnixMilli(1_790_000_000_123), Until: time.UnixMilli(1_790_000_600_123), Count: 3,
		Why: "3 MaxLoginAttempts within 10m0s", Text: "Come back later, %u"},
	"extreme": {Until: time.UnixMilli(0), Count: stores.MaxFailures,
		Why: strings.Repeat("w", stores.MaxReason), Text: strings.Repeat("\x00", stores.MaxReason)},
}

func TestBansComeBackAsTheyWent(t *testing.T) { comesBack(t, bans, stores.AppendBan, stores.ParseBan) }

func TestBansAreCutToWhatIsKept(t *testing.T) {
	b, err := stores.ParseBan(stores.AppendBan(nil, stores.Ban{
		Count: stores.MaxFailures + 1, Why: strings.Repeat("w", 2*stores.MaxReason), Text: strings.Repeat("t", stores.MaxReason+1),
	}))
	if err != nil || b.Count != stores.MaxFailures || len(b.Why) != stores.MaxReason || len(b.Text) != stores.MaxReason {
		t.Errorf("came back with a count of %d and %d, %d bytes of text, %v", b.Count, len(b.Why), len(b.Text), err)
	}
	long := append(stores.AppendBan(nil, stores.Ban{}), 0)
	long[len(long)-3], long[len(long)-2] = 0x81, 0x08 // a reason of 1,025 bytes
	if _, err := stores.ParseBan(long); !errors.Is(err, stores.ErrMalformed) {
		t.Errorf("a reason past the limit: %v, want ErrMalformed", err)
	}
}

func FuzzParseBan(f *testing.F) { stands(f, bans, stores.AppendBan, stores.ParseBan) }
