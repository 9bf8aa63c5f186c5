package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/uptrace/bun"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/market"
)

type accountRow struct {
	bun.BaseModel `bun:"table:accounts,alias:a"`

	ID                 string    `bun:"id,pk"`
	Email              string    `bun:"email"`
	Name               string    `bun:"name"`
	Role               string    `bun:"role"`
	PasswordHash       string    `bun:"password_hash"`
	CredentialsVersion int64     `bun:"credentials_version"`
	CreatedAt          time.Time `bun:"created_at"`
	UpdatedAt          time.Time `bun:"updated_at"`
}

func (r accountRow) account() market.Account {
	return market.Account{
		ID: r.ID, Email: r.Email, Name: r.Name, Role: market.Role(r.Role),
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

func (r accountRow) credentials() auth.Credentials {
	return auth.Credentials{Account: r.account(), PasswordHash: r.PasswordHash, Version: r.CredentialsVersion}
}

// place implements entry.
func (r accountRow) place(string) (id, key string) { return r.ID, writeMoment(r.CreatedAt) }

// CreateAccount keeps a new account. Where the e-mail address has one already it writes that one as it is, so that both
// cases take the same time.
func (s *Store) CreateAccount(ctx context.Context, account market.Account, passwordHash string) (created bool, err error) {
	row := accountRow{
		ID: account.ID, Email: account.Email, Name: account.Name, Role: string(account.Role), PasswordHash: passwordHash,
		CredentialsVersion: 1, CreatedAt: account.CreatedAt.UTC(), UpdatedAt: account.UpdatedAt.UTC(),
	}
	err = s.write(ctx, "create an account", func(ctx context.Context, tx bun.Tx) error {
		var id string
		err := tx.NewInsert().Model(&row).On("CONFLICT (email) DO UPDATE").Set("updated_at = a.updated_at").
			Returning("id").Scan(ctx, &id)
		created = id == account.ID
		return err
	})
	return created && err == nil, err
}

// Account returns the account with the id, or fails with market.ErrNotFound.
func (s *Store) Account(ctx context.Context, id string) (market.Account, error) {
	credentials, err := s.Credentials(ctx, id)
	return credentials.Account, err
}

// Credentials returns those of the account with the id, or fails with market.ErrNotFound.
func (s *Store) Credentials(ctx context.Context, id string) (auth.Credentials, error) {
	return s.findCredentials(ctx, "get account "+id, "id", id, &market.NotFoundError{Kind: "account", ID: id})
}

// CredentialsOf returns those of the account with the normalised e-mail address, or fails with market.ErrNotFound.
func (s *Store) CredentialsOf(ctx context.Context, email string) (auth.Credentials, error) {
	return s.findCredentials(ctx, "get an account by its e-mail address", "email", email,
		&market.NotFoundError{Kind: "account", ID: "with this e-mail address"})
}

func (s *Store) findCredentials(ctx context.Context, doing, column, value string, missing error) (auth.Credentials, error) {
	var row accountRow
	err := s.run(ctx, doing, func(ctx context.Context) error {
		return s.db.NewSelect().Model(&row).Where("? = ?", bun.Ident(column), value).Scan(ctx)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return auth.Credentials{}, missing
	}
	return row.credentials(), err
}

// Accounts returns a page of accounts, the newest first. The query must be a valid one.
func (s *Store) Accounts(ctx context.Context, query market.AccountQuery) (market.Page[market.Account], error) {
	page := market.Page[market.Account]{Paging: query.Paging}
	wanted := list[accountRow]{paging: query.Paging, order: newest, filter: func(q *bun.SelectQuery) *bun.SelectQuery {
		if query.Role != "" {
			q = q.Where("role = ?", query.Role)
		}
		return q
	}}
	err := s.run(ctx, "list accounts", func(ctx context.Context) error {
		var rows []accountRow
		var err error
		page.Extent, err = wanted.scan(ctx, s.db, &rows)
		page.Items = convert(rows, accountRow.account)
		return err
	})
	return page, err
}

// ChangeAccount locks the account, lets change alter its role, and saves it. It fails with market.ErrNotFound.
func (s *Store) ChangeAccount(ctx context.Context, id string, change func(*market.Account) error) (market.Account, error) {
	var account market.Account
	err := s.write(ctx, "change account "+id, func(ctx context.Context, tx bun.Tx) error {
		var row accountRow
		if err := locked(tx.NewSelect().Model(&row).Where("id = ?", id), forNoKeyUpdate).Scan(ctx); err != nil {
			return err
		}
		account = row.account()
		if err := change(&account); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Model((*accountRow)(nil)).Set("role = ?", account.Role).Set("updated_at = ?", account.UpdatedAt.UTC()).
			Where("id = ?", id).Exec(ctx)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return market.Account{}, &market.NotFoundError{Kind: "account", ID: id}
	}
	return account, err
}

// ReplaceHash changes the hash of the same password. Where the password has changed meanwhile it does nothing.
func (s *Store) ReplaceHash(ctx context.Context, id, from, to string) error {
	return s.write(ctx, "replace the password hash of account "+id, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Model((*accountRow)(nil)).Set("password_hash = ?", to).
			Where("id = ? AND password_hash = ?", id, from).Exec(ctx)
		return err
	})
}

// ChangePassword ends all of the account's sessions, voids its access tokens, and returns its new version. It fails with
// market.ErrNotFound.
func (s *Store) ChangePassword(ctx context.Context, id, passwordHash string, now time.Time) (version int64, err error) {
	err = s.write(ctx, "change the password of account "+id, func(ctx context.Context, tx bun.Tx) error {
		err := tx.NewUpdate().Model((*accountRow)(nil)).
			Set("password_hash = ?", passwordHash).Set("credentials_version = credentials_version + 1").
			Set("updated_at = ?", now.UTC()).Where("id = ?", id).Returning("credentials_version").Scan(ctx, &version)
		if err != nil {
			return err
		}
		_, err = tx.NewDelete().Model((*sessionRow)(nil)).Where("account_id = ?", id).Exec(ctx)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, &market.NotFoundError{Kind: "account", ID: id}
	}
	return version, err
}
