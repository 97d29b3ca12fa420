package redis_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-gateway/sluice/stores"
	"github.com/sluice-gateway/sluice/stores/redis"
)

const (
	us   = "0123456789abcdef0123456789abcdef"
	them = "ffffffffffffffffffffffffffffffff"
	// one puts "v" and another deletes; the key is the counters of "a" in "p".
	one     = "\x01\x00\x00\x00\x04\x00\x00\x00\x01c\x01pav"
	another = "\x00\x00\x00\x00\x04\x00\x00\x00\x00c\x01pa"
)

func TestParseNews(t *testing.T) {
	both := []stores.Change{stores.Put(counter("a"), []byte("v")), stores.Delete(counter("a"))}
	for name, tt := range map[string]struct {
		message string
		mine    bool
		want    stores.News
		fails   error
	}{
		"changes_of_others":         {message: "c" + them + one + another, mine: true, want: stores.News{Records: both}},
		"changes_of_our_own":        {message: "c" + us + one},
		"our_own_are_not_looked_at": {message: "c" + us + "x"},
		"what_was_there_before_us":  {message: "f" + us + one, mine: true, want: stores.News{Records: both[:1]}},
		"what_others_were_late":     {message: "f" + them + one},
		"counts_of_others":          {message: "n" + them, mine: true, want: stores.News{Counts: true}},
		"counts_of_our_own":         {message: "n" + us},
		"an_empty_value":            {message: "c" + them + "\x01\x00\x00\x00\x04\x00\x00\x00\x00c\x01pa", mine: true, want: stores.News{Records: []stores.Change{stores.Put(counter("a"), nil)}}},
		"nothing":                   {fails: stores.ErrMalformed},
		"half_an_id":                {message: "c" + them[1:], fails: stores.ErrMalformed},
		"a_kind_to_come":            {message: "z" + them, fails: stores.ErrVersion},
		"counts_with_more":          {message: "n" + them + "x", fails: stores.ErrMalformed},
		"half_a_head":               {message: "c" + them + one[:8], fails: stores.ErrMalformed},
		"half_a_key":                {message: "c" + them + one[:11], fails: stores.ErrMalformed},
		"no_value":                  {message: "c" + them + one[:13], fails: stores.ErrMalformed},
		"a_value_of_4_GiB":          {message: "c" + them + "\x01\xff\xff\xff\xff\xff\xff\xff\xffc\x01pav", fails: stores.ErrMalformed},
		"a_delete_with_a_value":     {message: "c" + them + "\x00" + one[1:], fails: stores.ErrMalformed},
		"neither":                   {message: "c" + them + "\x02" + one[1:], fails: stores.ErrMalformed},
		"no_key":                    {message: "c" + them + "\x01\x00\x00\x00\x00\x00\x00\x00\x01v", fails: stores.ErrMalformed},
		"a_byte_too_many":           {message: "c" + them + one + "x", fails: stores.ErrMalformed},
	} {
		got, mine, err := redis.ParseNews(tt.message, us)
		if !errors.Is(err, tt.fails) || mine != tt.mine || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %+v, %v, %v; want %+v, %v, %v", name, got, mine, err, tt.want, tt.mine, tt.fails)
		}
	}
}

var holdings = map[string]map[stores.Key]int{
	"nothing": {},
	"one":     {counter("a"): 1},
	"many":    {counter("a"): 1, counter("b"): 1 << 30, {Kind: 'x', Pool: "\x00ÿ", Name: strings.Repeat("n", 300)}: 128},
}

func TestCountsComeBackAsTheyWent(t *testing.T) {
	for name, want := range holdings {
		b, err := redis.AppendCounts(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := redis.ParseCounts(b)
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(want, got))
		}
		for n := 1; n < len(b); n++ {
			if part, err := redis.ParseCounts(b[:n]); err == nil && cmp.Equal(part, want) {
				t.Errorf("%s cut to %d of %d bytes is the same", name, n, len(b))
			}
		}
	}
	if _, err := redis.AppendCounts(nil, map[stores.Key]int{counter(strings.Repeat("x", 1<<20)): 1}); !errors.Is(err, stores.ErrKey) {
		t.Errorf("a key of 1 MiB: %v, want ErrKey", err)
	}
	b, err := redis.AppendCounts(nil, map[stores.Key]int{counter("a"): 0, counter("b"): -1})
	if err != nil || len(b) != 0 {
		t.Errorf("counts below 1 became %q, %v", b, err)
	}
}

func TestMalformedCounts(t *testing.T) {
	for name, tt := range map[string]struct {
		b    string
		want error
	}{
		"a_version_to_come":  {"\x02", stores.ErrVersion},
		"of_nothing":         {"\x01", stores.ErrMalformed},
		"half_a_key":         {"\x01\x04c\x01p", stores.ErrMalformed},
		"a_key_of_2_to_63":   {"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f", stores.ErrMalformed},
		"no_key":             {"\x01\x00\x01", stores.ErrMalformed},
		"no_count":           {"\x01\x04c\x01pa", stores.ErrMalformed},
		"a_count_of_zero":    {"\x01\x04c\x01pa\x00", stores.ErrMalformed},
		"a_count_too_high":   {"\x01\x04c\x01pa\x81\x80\x80\x80\x04", stores.ErrMalformed},
		"a_key_that_is_back": {"\x01\x04c\x01pa\x01\x04c\x01pa\x01", stores.ErrMalformed},
	} {
		if got, err := redis.ParseCounts([]byte(tt.b)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tt.want)
		}
	}
}

func FuzzParseNews(f *testing.F) {
	f.Add("c" + them + one + another)
	f.Add("f" + us + one)
	f.Add("n" + them)
	f.Fuzz(func(t *testing.T, message string) {
		n, mine, err := redis.ParseNews(message, us)
		if (err != nil || !mine) && !cmp.Equal(n, stores.News{}) {
			t.Fatalf("%+v although mine is %v and the error %v", n, mine, err)
		}
		size := 0
		for _, c := range n.Records {
			size += len(c.Key.Pool) + len(c.Key.Name) + len(c.Value)
		}
		if size > len(message) {
			t.Fatalf("%d bytes became %d", len(message), size)
		}
	})
}

func FuzzParseCounts(f *testing.F) {
	for _, h := range holdings {
		b, err := redis.AppendCounts(nil, h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		counts, err := redis.ParseCounts(b)
		if err != nil {
			return
		}
		stored, err := redis.AppendCounts(nil, counts)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := redis.ParseCounts(stored); err != nil || !cmp.Equal(again, counts) {
			t.Fatalf("%v became %v, %v", counts, again, err)
		}
	})
}
