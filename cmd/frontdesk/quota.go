package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

func newQuotaCommand(env *environment) *cobra.Command {
	a := &adminCommand{env: env}
	var channel string
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "Show how much of the monthly quota is used",
		Long: `Show for each channel how many messages it may send this month and how many it has.
LINE counts pushes, multicasts and broadcasts by their recipients; replies are free.

  LIMIT     messages this month; none for a channel without a limit
  USED      what LINE told last, and what the server has sent since
  FORECAST  what will have been used when the month ends, at the pace of the last seven
            days (or of the month while it is younger); none in its first three days
  WAITING   sends in the outbox; over the quota these are the pushes that wait, unless
            the channel's over_quota is drop
  AS OF     when LINE told it; the server asks as often as quota.every says

It is the running server that knows this, the one of --data.`,
		Example: `  frontdesk quota
  frontdesk quota --channel shop --json | jq .left`,
		Args: takes(0, 0, "no arguments"),
	}
	a.addFlags(cmd)
	cmd.Flags().StringVar(&channel, "channel", "", "only of this channel")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.with(cmd, func(admin *server.Admin) error { return listQuota(cmd, admin, channel, a.json) })
	}
	return cmd
}

func listQuota(cmd *cobra.Command, admin *server.Admin, channel string, asJSON bool) error {
	rows, err := admin.Quota(cmd.Context(), channel)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if asJSON {
		for _, row := range rows {
			if err := printJSON(out, row); err != nil {
				return err
			}
		}
		return nil
	}
	const format = "%-12s  %9s  %9s  %9s  %9s  %7s  %s\n"
	fmt.Fprintf(out, format, "CHANNEL", "LIMIT", "USED", "LEFT", "FORECAST", "WAITING", "AS OF")
	for _, row := range rows {
		limit := number(row.Limit)
		if row.Used != nil && !row.Limited {
			limit = "none"
		}
		fmt.Fprintf(out, format, row.Channel, limit, number(row.Used), number(row.Left), number(row.Forecast),
			strconv.Itoa(row.Waiting), localTime(row.AsOf))
	}
	for _, row := range rows {
		for _, remark := range quotaRemarks(row) {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s\n", row.Channel, remark)
		}
	}
	return nil
}

// quotaRemarks says what is to be known beside the numbers.
func quotaRemarks(row server.QuotaRow) (remarks []string) {
	if row.AsOf.IsZero() {
		remarks = append(remarks, "LINE has not told its quota yet; see the server's log")
	}
	if row.Over {
		remarks = append(remarks, "LINE refused the last push for the monthly limit")
	}
	if row.Limit != nil && row.Forecast != nil && *row.Forecast > *row.Limit {
		remarks = append(remarks, "the quota will not last until the end of the month at this pace")
	}
	return remarks
}

// number writes a figure, a dash for one that is not known.
func number(n *int64) string {
	if n == nil {
		return "-"
	}
	return strconv.FormatInt(*n, 10)
}
