"""From a target and the ledger to a plan: which parts bring the audience to the target."""
