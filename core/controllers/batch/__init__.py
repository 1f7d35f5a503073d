"""The controllers of work that ends: Jobs, CronJobs, and Jobs that are long done."""
