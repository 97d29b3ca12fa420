package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/rs/zerolog"

	"github.com/sluice-gateway/sluice/stores"
)

// What zero values of Options mean.
const (
	DefaultAddress        = "127.0.0.1:6379"
	DefaultLease          = 5 * time.Second
	DefaultConnectTimeout = 500 * time.Millisecond
	DefaultCallTimeout    = time.Second
)

// connections is how many one gateway opens at most, the one of each Watch
// apart. Its writers and readers are few.
const connections = 8

// Options say which Redis a store is in, and how it is reached.
type Options struct {
	Address  string // host:port, or the absolute path of a socket; DefaultAddress
	User     string // of Redis' access lists; empty: the default user
	Password stores.Secret
	DB       int
	TLS      *tls.Config // nil: clear text; an empty ServerName means the address' host
	// Prefix begins the name of every key, as it is: it should end with a
	// separator. Gateways of one prefix and DB share their state.
	Prefix string
	// Lease is how long a gateway counts as living after its last Beat;
	// DefaultLease.
	Lease time.Duration
	// ConnectTimeout bounds connecting, CallTimeout each exchange as a whole,
	// connecting included.
	ConnectTimeout, CallTimeout time.Duration
	Log                         zerolog.Logger // what a Watch meets; nobody else would say it
}

func (o Options) withDefaults() Options {
	if o.Address == "" {
		o.Address = DefaultAddress
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = DefaultConnectTimeout
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = DefaultCallTimeout
	}
	return o
}

func (o Options) check() error {
	if !filepath.IsAbs(o.Address) {
		if _, port, err := net.SplitHostPort(o.Address); err != nil || port == "" {
			return fmt.Errorf("'%s' is no address of Redis: expected host:port or the path of a socket", o.Address)
		}
	}
	switch {
	case o.Prefix == "":
		return errors.New("a store in Redis needs a prefix for its keys")
	case o.DB < 0:
		return fmt.Errorf("there is no database %d in Redis", o.DB)
	case o.Lease < 0 || o.ConnectTimeout < 0 || o.CallTimeout < 0:
		return errors.New("times of a store in Redis are positive")
	}
	return nil
}

func (o Options) client() *redis.Client {
	// The library prints on standard error what it also returns.
	logging.Disable()
	network := "tcp"
	if filepath.IsAbs(o.Address) {
		network = "unix"
	}
	var policy *tls.Config
	if o.TLS != nil {
		policy = o.TLS.Clone()
		if policy.ServerName == "" && network == "tcp" {
			policy.ServerName, _, _ = net.SplitHostPort(o.Address) // check has split it before
		}
	}
	var greet func(context.Context, *redis.Conn) error
	if len(o.Password) == 0 {
		// To a command as long as ours a Redis that wants a password answers
		// with something that nobody understands.
		greet = func(ctx context.Context, conn *redis.Conn) error { return conn.Ping(ctx).Err() }
	}
	return redis.NewClient(&redis.Options{
		Network:   network,
		Addr:      o.Address,
		Username:  o.User,
		Password:  string(o.Password),
		DB:        o.DB,
		OnConnect: greet,
		Protocol:  2,
		// A call that failed may have been served: whoever calls decides.
		MaxRetries:               -1,
		DialTimeout:              o.ConnectTimeout,
		DialerRetries:            1,
		ReadTimeout:              o.CallTimeout,
		WriteTimeout:             o.CallTimeout,
		ContextTimeoutEnabled:    true,
		PoolSize:                 connections,
		MaxActiveConns:           connections,
		PipelinePoolSize:         -1,
		PoolTimeout:              o.CallTimeout,
		TLSConfig:                policy,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
