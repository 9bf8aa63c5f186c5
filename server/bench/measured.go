package main

import (
	"context"
	"errors"
)

// measured is a stocked database, the server on it, its customers, and the collector that its traces go to.
type measured struct {
	db        database
	collector *collector
	server    *server
	crowd     *crowd
}

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
	m.crowd, err = newCrowd(ctx, m.server.url)
	return m, err
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
