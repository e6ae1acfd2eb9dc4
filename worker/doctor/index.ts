/** The doctor's public face: looks at every server that a configuration names, and changes nothing. */
export { type BudgetLine, budgetOf, judgeBudget, postgresBudget, redisBudget } from './budget.ts';
export { diagnose } from './diagnose.ts';
export { type ConnectionLimits, readConnectionLimits } from './postgres-facts.ts';
export type { Checked, Finding, Report, Status } from './report.ts';
