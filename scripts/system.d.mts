export type ToolName = 'chromium' | 'redis' | 'nginx'
export function findTool (name: ToolName): string | null
export function requireTool (name: ToolName): string
export function provideTools (): void
