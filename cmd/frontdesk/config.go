package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

func newConfigCommand(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check or print the configuration of serve",
		Long: `The configuration of 'frontdesk serve' comes from a YAML file (--config or
FRONTDESK_CONFIG), then the environment, then the flags; later ones win.`,
	}
	return group(cmd, newConfigCheckCommand(env), newConfigDefaultCommand())
}

func newConfigCheckCommand(env *environment) *cobra.Command {
	loader := serveLoader{env: env}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Tell all that is wrong with the configuration",
		Long: `Read the configuration as 'frontdesk serve' would, from the file, the environment and
the same flags, and tell every fault with its key and place. Nothing is opened.`,
		Example: `  frontdesk config check --config frontdesk.yaml`,
		Args:    takes(0, 0, "no arguments"),
	}
	loader.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loader.load()
		if err != nil {
			return fmt.Errorf("the configuration has faults:\n%w", err)
		}
		var names []string
		for _, ch := range cfg.Channels {
			names = append(names, ch.Name)
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "The configuration is good. Channels: %s.\n", strings.Join(names, ", "))
		return err
	}
	return cmd
}

func newConfigDefaultCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "default",
		Short:   "Print a configuration file with all keys and their defaults",
		Example: `  frontdesk config default > frontdesk.yaml`,
		Args:    takes(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var own ownSettings
			_, err := io.WriteString(cmd.OutOrStdout(), server.ConfigTemplate(own.table(serveDefaults())...))
			return err
		},
	}
}
