package main

import (
	"context"
	"errors"

	"github.com/farmersmarket/platform/server/store"
)

// measured is a stocked database, the server on it, its customers, and the collector that its traces go to.
type measured struct {
	db        database
	collector *collector
	server    *server
	crowd     *crowd
}

// openMeasured makes all of that, and makes sure that the server has all on.
func openMeasured(ctx context.Context, system, program string) (m *measured, err error) {
	m = &measured{}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	if m.db, err = create(ctx, system); err != nil {
		return m, err
	}
	if err := stock(ctx, m.db.url); err != nil {
		return m, err
	}
	if m.collector, err = startCollector(ctx); err != nil {
		return m, err
	}
	if m.server, err = startServer(ctx, program, m.db.url, m.collector); err != nil {
		return m, err
	}
	if err := m.mustHaveAllOn(ctx); err != nil {
		return m, err
	}
	m.crowd, err = newCrowd(ctx, m.server.url)
	return m, err
}

// settle has the database look at what is in its tables. An empty one is read from end to end to see whether an order is
// there, as every line of an order asks; who has asked once goes on like that, until the database looks again. PostgreSQL
// does so by itself, after a minute.
func (m *measured) settle(ctx context.Context) (err error) {
	s, err := store.Open(ctx, m.db.url, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return execute(ctx, s.DB(), "ANALYZE")
}

// close ends and deletes what there is.
func (m *measured) close() (err error) {
	if m.server != nil {
		err = m.server.stop()
	}
	if m.collector != nil {
		m.collector.stop()
	}
	if m.db.drop != nil {
		err = errors.Join(err, m.db.drop())
	}
	return err
}
