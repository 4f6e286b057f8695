export interface FaultBody {
  readonly error: { readonly code: string; readonly message: string }
}
