// Command healthcheck is the health check of containers that have no shell: it asks a URL for 200 OK.
//
//	healthcheck http://127.0.0.1:8080/api/ready
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"
)

// timeout is shorter than the health checks' own, so that the reason is printed before Docker ends the process.
const timeout = 2 * time.Second

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: healthcheck URL")
		os.Exit(2)
	}
	if err := check(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "unhealthy:", err)
		os.Exit(1)
	}
}

// check returns an error unless a GET of the URL is answered with 200 within the timeout.
func check(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s answered %s, want 200 OK", url, response.Status)
	}
	return nil
}
