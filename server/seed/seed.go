// Package seed holds the catalogue that a new market opens with, one YAML file per farm, and loads it.
package seed

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.yaml.in/yaml/v3"

	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
)

//go:embed farms/*.yaml
var files embed.FS

// Catalogue is what the seed files hold.
type Catalogue struct {
	Farms    []market.Farm
	Products []market.Product
}

// Load makes the store's farms and products those of the seed, and returns how many it wrote: a second load writes none.
// What the seed does not have, the store keeps.
func Load(ctx context.Context, s *store.Store) (store.Saved, error) {
	catalogue, err := Read()
	if err != nil {
		return store.Saved{}, err
	}
	if _, err := s.CreateAccount(ctx, Owner(), noPassword); err != nil {
		return store.Saved{}, fmt.Errorf("load the seed: %w", err)
	}
	saved, err := s.SaveCatalogue(ctx, catalogue.Farms, catalogue.Products)
	if err != nil {
		return store.Saved{}, fmt.Errorf("load the seed: %w", err)
	}
	return saved, nil
}

// noPassword is a hash that no password has: nobody can log in.
const noPassword = ""

// Owner is the account that the seed's farms belong to. Nobody can log in as it.
func Owner() market.Account {
	since := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	return market.Account{
		ID:    uuid.NewSHA1(namespace(), []byte("owner")).String(),
		Email: "farms@seed.invalid", // a domain that nobody can have (RFC 2606, 2)
		Name:  "The farms of the seed", Role: market.FarmOwner, CreatedAt: since, UpdatedAt: since,
	}
}

// Read returns the catalogue. Ids are made of the file's name and the product's key, so they stay the same for ever.
func Read() (Catalogue, error) { return read(files) }

func read(fsys fs.FS) (Catalogue, error) {
	names, err := fs.Glob(fsys, "farms/*.yaml")
	if err != nil {
		return Catalogue{}, err
	}
	var (
		catalogue Catalogue
		problems  []error
	)
	for _, name := range names {
		if err := catalogue.add(fsys, name); err != nil {
			problems = append(problems, fmt.Errorf("seed file %s: %w", name, err))
		}
	}
	return catalogue, errors.Join(problems...)
}

// farmFile is one file; its keys are documented by README.md beside the files.
type farmFile struct {
	Name        string                 `yaml:"name"`
	Place       string                 `yaml:"place"`
	Region      string                 `yaml:"region"`
	Country     string                 `yaml:"country"`
	Joined      string                 `yaml:"joined"`
	Description string                 `yaml:"description"`
	Products    map[string]productItem `yaml:"products"`
}

type productItem struct {
	Name        string `yaml:"name"`
	Category    string `yaml:"category"`
	Unit        string `yaml:"unit"`
	Price       int64  `yaml:"price"`
	Season      string `yaml:"season"`
	Description string `yaml:"description"`
}

// add reads one file, and says everything that is wrong with it.
func (c *Catalogue) add(fsys fs.FS, name string) error {
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	var file farmFile
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return err
	}
	joined, err := time.Parse(time.DateOnly, file.Joined)
	if err != nil {
		return fmt.Errorf("joined must be a date like 2026-03-14, got %q", file.Joined)
	}
	farm := market.Farm{
		ID:   uuid.NewSHA1(namespace(), []byte(strings.TrimSuffix(path.Base(name), ".yaml"))).String(),
		Name: file.Name, Description: file.Description, Place: file.Place, Region: file.Region, Country: file.Country,
		OwnerID: Owner().ID, Verified: true, VerifiedAt: joined,
		Version: 1, CreatedAt: joined, UpdatedAt: joined,
	}
	c.Farms = append(c.Farms, farm)
	var problems []error
	for i, key := range slices.Sorted(maps.Keys(file.Products)) {
		// One after the other, so that the newest products have an order.
		product, err := file.Products[key].product(key, farm, joined.Add(time.Duration(i)*time.Minute))
		if err != nil {
			problems = append(problems, fmt.Errorf("product %s: %w", key, err))
		}
		c.Products = append(c.Products, product)
	}
	return errors.Join(problems...)
}

func (p productItem) product(key string, farm market.Farm, listed time.Time) (market.Product, error) {
	unit, unitErr := parseUnit(p.Unit)
	season, seasonErr := parseSeason(p.Season)
	var categoryErr, priceErr error
	if !market.Category(p.Category).Valid() {
		categoryErr = fmt.Errorf("category must be one of %v, got %q", market.Categories(), p.Category)
	}
	if p.Price <= 0 {
		priceErr = fmt.Errorf("price must be more than 0 cents, got %d", p.Price)
	}
	return market.Product{
		ID:     uuid.NewSHA1(uuid.MustParse(farm.ID), []byte(key)).String(),
		FarmID: farm.ID, FarmName: farm.Name, Name: p.Name, Description: p.Description,
		Category: market.Category(p.Category), Unit: unit, Season: season,
		Price:     market.Money{Amount: p.Price, Currency: market.EUR},
		Version:   1,
		CreatedAt: listed, UpdatedAt: listed,
	}, errors.Join(categoryErr, unitErr, priceErr, seasonErr)
}

// namespace is the UUID in which farms have theirs. Changing it would change every id.
func namespace() uuid.UUID { return uuid.MustParse("5f0c1f5e-3c1b-4b52-9a9c-0d6a0c0a7d11") }
