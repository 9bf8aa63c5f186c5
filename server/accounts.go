package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/farmersmarket/platform/server/auth"
	"github.com/farmersmarket/platform/server/config"
	"github.com/farmersmarket/platform/server/market"
	"github.com/farmersmarket/platform/server/store"
	"github.com/farmersmarket/platform/telemetry"
)

// openSessions sets up logging in.
func openSessions(c config.Config, db *store.Store, metrics *telemetry.Metrics) (*auth.Sessions, error) {
	keys := c.AuthKeys
	if keys.Empty() { // which the configuration does not let happen in production
		var err error
		if keys, err = auth.DevelopmentKeys(c.AuthKeyFile); err != nil {
			return nil, usageError{fmt.Errorf("AUTH_KEY_FILE: %w", err)}
		}
	}
	tokens, err := auth.NewTokens(keys, c.AccessTokenTTL, market.SystemClock{})
	if err != nil {
		return nil, err
	}
	return auth.NewSessions(auth.Options{
		Store: db, Tokens: tokens, Hasher: auth.NewHasher(auth.RecommendedParams(), c.PasswordHashes),
		Limits: auth.DefaultLimits(), TTL: c.SessionTTL, Clock: market.SystemClock{}, Metrics: metrics,
	}), nil
}

func newAdminCommand() *cobra.Command {
	admin := &cobra.Command{Use: "admin", Short: "Manage the admins of the market", Args: cobra.NoArgs}
	var email, name string
	create := &cobra.Command{
		Use:   "create --email ADDRESS",
		Short: "Create an admin, whose password is read from standard input",
		Long: "Create an admin, whose password is read from standard input: typed without being shown, or piped in.\n" +
			"It works on the database of DATABASE_URL, whether the server runs or not.",
		Example: "  server admin create --email nora@example.org\n" +
			"  pass show market/admin | server admin create --email nora@example.org --name \"Nora Byrne\"",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return withConfig(func(ctx context.Context, c config.Config) error {
				password, err := readPassword(cmd.InOrStdin(), cmd.ErrOrStderr())
				if err != nil {
					return usageError{fmt.Errorf("read the password: %w", err)}
				}
				return createAdmin(ctx, c, auth.Registration{Email: email, Name: name, Password: password, Role: market.Admin})
			})(cmd, args)
		},
	}
	create.Flags().StringVar(&email, "email", "", "e-mail address to log in with")
	create.Flags().StringVar(&name, "name", "Admin", "what the person is called")
	_ = create.MarkFlagRequired("email") // fails only for a flag that there is not
	admin.AddCommand(create)
	return admin
}

func createAdmin(ctx context.Context, c config.Config, r auth.Registration) error {
	db, err := store.Open(ctx, c.DatabaseURL, store.Options{MaxConns: 1})
	if err != nil {
		return usageError{err}
	}
	defer closeStore(db)
	account, err := auth.Create(ctx, db, auth.NewHasher(auth.RecommendedParams(), 1), market.SystemClock{}, r)
	switch {
	case errors.Is(err, market.ErrInvalid):
		return usageError{err}
	case errors.Is(err, market.ErrConflict):
		return fmt.Errorf("%w: an admin can set its role", err)
	case err != nil:
		return err
	}
	fmt.Println("created admin", account.Email)
	return nil
}

// readPassword reads one line, without showing it where it is typed.
func readPassword(in io.Reader, prompt io.Writer) (string, error) {
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprint(prompt, "password: ")
		password, err := term.ReadPassword(int(file.Fd()))
		fmt.Fprintln(prompt)
		return string(password), err
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4<<10)).ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}
