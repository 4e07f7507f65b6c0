export type ToolName = 'chromium'
export function findTool (name: ToolName): string | null
export function requireTool (name: ToolName): string
export function provideTools (): void
