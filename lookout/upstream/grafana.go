package upstream

import "context"

// FindGrafana looks for Grafana on PATH, as the program `grafana` or the older `grafana-server`. Grafana is not built
// from source: its web pages need a whole other tool chain.
func FindGrafana(ctx context.Context) (Found, error) {
	grafana := Program{Name: "grafana", Release: "11.0.0", versionArgs: []string{"--version"}}
	found, err := Find(ctx, grafana, "")
	if err == nil {
		return found, nil
	}
	server := Program{Name: "grafana-server", Release: grafana.Release, versionArgs: []string{"-v"}}
	if found, serverErr := Find(ctx, server, ""); serverErr == nil {
		return found, nil
	}
	return Found{}, err
}
