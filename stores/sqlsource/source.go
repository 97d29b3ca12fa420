package sqlsource

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/protocols/backendurl"
	"github.com/sluice-gateway/sluice/stores"
)

// By says what %{0} stands for in a query for backends.
type By uint8

// The names that lists are kept by.
const (
	ByUser  By = iota // ProxyReverseConnectPolicy PerUser
	ByGroup           // PerGroup
)

// maxComplaints bounds the log lines about one answer.
const maxComplaints = 5

// source is one ProxyReverseServers sql:/name.
type source struct {
	question
	name string
	by   By
	log  zerolog.Logger
}

// Source prepares a SQLNamedQuery that lists backends: every column of every
// row is one URL. Its errors are mistakes in the configuration; whether the
// database is there shows when it is asked.
func (d *Databases) Source(query string, by By) (stores.Source, error) {
	q, err := d.named(query, 1)
	if err != nil {
		return nil, err
	}
	return &source{q, query, by, d.cfg.Log.With().Str("query", query).Logger()}, nil
}

// String is how ProxyReverseServers writes it.
func (s *source) String() string { return "sql:/" + s.name }

// Backends asks the database. An answer without a usable URL is ErrNoList;
// what of it is no URL is said in the log and passed over.
func (s *source) Backends(ctx context.Context, who stores.Asker) ([]backendurl.URL, error) {
	name := who.User
	if s.by == ByGroup {
		name = who.Group
	}
	rows, more, err := s.ask(ctx, Values{Args: []string{name}, User: who.User, Group: who.Group, Client: who.Client, Vars: who.Vars})
	if errors.Is(err, errUnfit) {
		return nil, fmt.Errorf("%w: %w", stores.ErrNoList, err)
	}
	if err != nil {
		return nil, err
	}
	urls, bad := s.urls(rows)
	if more || len(urls) > maxRows {
		s.log.Warn().Int("limit", maxRows).Msg("the answer lists more backends than are used")
		urls = urls[:min(len(urls), maxRows)]
	}
	if len(urls) > 0 {
		return urls, nil
	}
	if bad > 0 {
		return nil, fmt.Errorf("%w: none of the %d entries that %s found is a usable URL", stores.ErrNoList, bad, s)
	}
	return nil, fmt.Errorf("%w: %s found nothing", stores.ErrNoList, s)
}

// urls collects the URLs of an answer, row by row, and counts what is none.
func (s *source) urls(rows []row) (urls []backendurl.URL, bad int) {
	for i, r := range rows {
		for j, value := range r {
			text := strings.TrimSpace(value.String)
			if text == "" {
				continue
			}
			u, err := backendurl.Parse(text)
			if err == nil {
				urls = append(urls, u)
				continue
			}
			if bad++; bad <= maxComplaints {
				s.log.Warn().Int("row", i+1).Int("column", j+1).Err(err).Msg("an entry that is no backend URL is skipped")
			}
		}
	}
	if bad > maxComplaints {
		s.log.Warn().Int("skipped", bad).Msg("more entries that are no backend URLs are skipped")
	}
	return urls, bad
}
