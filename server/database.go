package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/farmersmarket/platform/migrations"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/seed"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
)

// openStore opens the database, measured, and brings it up to date where the configuration says so.
func openStore(ctx context.Context, c config.Config, tel *telemetry.Telemetry) (*store.Store, error) {
	db, err := store.Open(ctx, c.DatabaseURL, store.Options{MaxConns: c.DatabaseMaxConns, Connect: tel.MeasureConnects})
	if err != nil {
		return nil, usageError{err}
	}
	if c.Telemetry {
		db.Observe(tel.DatabaseHook(db.System(), db.Name()))
	}
	tel.WatchPool(db.System(), telemetry.SQLPool(db.DB().Stats))
	if c.Migrate {
		applied, err := migrations.Migrate(ctx, db.DB())
		if err != nil {
			return nil, err
		}
		tel.Logger.Info("migrated", "applied", applied)
	}
	if c.Seed {
		counts, err := seed.Load(ctx, db)
		if err != nil {
			return nil, err
		}
		days, err := seed.LoadDays(ctx, db, time.Now())
		if err != nil {
			return nil, err
		}
		tel.Logger.Info("seeded", "changed", counts.String(), "market_days", days)
	}
	return db, nil
}

func migrate(ctx context.Context, c config.Config) error {
	db, err := store.Open(ctx, c.DatabaseURL, store.Options{MaxConns: 1})
	if err != nil {
		return usageError{err}
	}
	defer closeStore(db)
	applied, err := migrations.Migrate(ctx, db.DB())
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		fmt.Println("the schema is up to date")
	}
	for _, name := range applied {
		fmt.Println("applied", name)
	}
	return nil
}

func loadSeed(ctx context.Context, c config.Config) error {
	if c.Environment == config.Production {
		fmt.Println("nothing is loaded: the example catalogue is not for production")
		return nil
	}
	db, err := store.Open(ctx, c.DatabaseURL, store.Options{MaxConns: 1})
	if err != nil {
		return usageError{err}
	}
	defer closeStore(db)
	counts, err := seed.Load(ctx, db)
	if err != nil {
		return err
	}
	days, err := seed.LoadDays(ctx, db, time.Now())
	if err != nil {
		return err
	}
	fmt.Println(counts)
	fmt.Printf("planned %d market days\n", days)
	return nil
}

// closeStore ends a command's use of the database. What it did is committed by then, so an error changes nothing.
func closeStore(db *store.Store) {
	if err := db.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "server: close the database:", err)
	}
}
